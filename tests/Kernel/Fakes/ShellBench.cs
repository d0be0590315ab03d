using VirtioGuest.Commands;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Shell;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A shell on fakes.</summary>
internal sealed class ShellBench
{
    public ShellBench(Disk? disk = null, NetworkPort? port = null)
    {
        if (disk is not null)
        {
            Devices.Add(disk);
        }

        if (port is not null)
        {
            Devices.Add(port);
        }

        Context = new ShellContext(
            Output,
            System,
            ShellDisk.Of(Devices.Disks),
            ShellNetwork.Of(Devices.Networks),
            new SelfTestPlan([]),
            CommandList.Create(System, Devices));
        Shell = new CommandShell(Context);
    }

    public RecordingOutput Output { get; } = new();

    public FakeSystem System { get; } = new();

    public DeviceInventory Devices { get; } = new([]);

    public ShellContext Context { get; }

    public CommandShell Shell { get; }

    /// <summary>Runs one command and gives what it wrote.</summary>
    public string Run(string command)
    {
        int before = Output.Text.Length;
        Shell.RunCommand(command);
        return Output.Text[before..].TrimEnd('\n');
    }
}
