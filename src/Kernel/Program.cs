using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;

namespace VirtioGuest.Kernel;

/// <summary>The unikernel: says that it is there, binds devices, and runs the shell until somebody ends it.</summary>
internal static class Program
{
    private static void Main()
    {
        var start = new KernelStart("shell");
        LibOsOutput output = start.Output;
        LibOsSystemControl system = start.System;
        DeviceInventory devices = start.Devices;
        ShellDisk[] disks = ShellDisk.Of(devices.Disks);
        ShellNetwork[] networks = ShellNetwork.Of(devices.Networks);
        var context = new ShellContext(
            output,
            system,
            disks,
            networks,
            SelfTestSuite.Create(start.Machine, system, devices, disks, networks, Versions.Runtime),
            CommandList.Create(system, devices))
        {
            OtherDevices = [.. devices.Others],
        };
        var shell = new CommandShell(context, new InterruptibleRunner(LibOsThread.NameCurrent));
        start.Binder.Changed = () =>
        {
            context.OtherDevices = [.. devices.Others];
            context.Replace(
                ShellDisk.Of(devices.Disks),
                ShellNetwork.Of(devices.Networks),
                SelfTestSuite.Create(
                    start.Machine,
                    system,
                    devices,
                    ShellDisk.Of(devices.PresentDisks),
                    ShellNetwork.Of(devices.PresentNetworks),
                    Versions.Runtime));
        };
        start.WatchMachine(new OrderlyShutdown(context.Activity, system, output, () => devices.Disks));
        if (ScriptSource.TryFind(start.Machine.Ports, start.Firmware.CommandLine, output, out string? script))
        {
            if (script is null)
            {
                shell.RefuseScript();
            }
            else if (!shell.RunScript(script))
            {
                return;
            }
        }

        shell.RunInteractively(new LineEditor(start.Input, output));
    }
}
