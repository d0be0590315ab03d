using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.General;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>A shell on fakes, with the commands that every kernel has.</summary>
internal sealed class CommandBench
{
    public CommandBench(
        SectorDevice? disk = null,
        NetworkInterface? network = null,
        SelfTestCase[]? selfTests = null,
        params Command[] ofDrivers)
        : this(disk is null ? [] : [disk], network, selfTests, ofDrivers)
    {
    }

    public CommandBench(
        SectorDevice[] disks, NetworkInterface? network, SelfTestCase[]? selfTests, Command[] ofDrivers)
    {
        System = new FakeCommandSystem(Clock);
        Context = new ShellContext(
            Output,
            System,
            disks,
            network is null ? [] : [network],
            new SelfTestPlan(selfTests ?? []),
            [
                new HelpCommand(),
                new ListDisksCommand(),
                new ListPartitionsCommand(),
                new BlockReadCommand(),
                new BlockChecksumCommand(),
                new BlockFillCommand(),
                new BlockVerifyCommand(),
                new BlockFlushCommand(),
                new NetworkStatusCommand(),
                new NetworkDhcpCommand(),
                new NetworkPingCommand(),
                new SelfTestCommand(),
                new RebootCommand(),
                new PowerOffCommand(),
                new ExitCommand(),
                .. ofDrivers,
            ]);
        Shell = new CommandShell(Context);
    }

    public RecordingOutput Output { get; } = new();

    public FakeClock Clock { get; } = new();

    public FakeCommandSystem System { get; }

    public ShellContext Context { get; }

    public CommandShell Shell { get; }

    /// <summary>Runs one command and returns what it wrote.</summary>
    public string Run(string command)
    {
        int before = Output.Text.Length;
        Shell.RunCommand(command);
        return Output.Text[before..].TrimEnd('\n');
    }
}
