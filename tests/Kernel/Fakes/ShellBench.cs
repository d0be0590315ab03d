using System.Collections.Generic;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A shell on fakes.</summary>
internal sealed class ShellBench
{
    public ShellBench(Disk? disk = null, NetworkPort? port = null, IReadOnlyList<SelfTestCase>? selfTests = null)
    {
        var devices = new DeviceInventory([]);
        if (disk is not null)
        {
            devices.Add(disk);
        }

        if (port is not null)
        {
            devices.Add(port);
        }

        Context = new ShellContext
        {
            Output = Output,
            System = System,
            Devices = devices,
            SelfTests = new SelfTestPlan(selfTests ?? []),
            Commands = CommandList.Create(),
        };
        Shell = new CommandShell(Context);
    }

    public RecordingOutput Output { get; } = new();

    public FakeSystem System { get; } = new();

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
