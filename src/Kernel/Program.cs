using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Acpi;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel;

/// <summary>The unikernel: says that it is there, binds devices, and runs the shell until somebody ends it.</summary>
internal static class Program
{
    private static void Main()
    {
        // Nothing slow comes before the first line: how soon it comes is measured.
        var output = new LibOsOutput();
        BootInfo boot = Startup.Information;
        output.WriteLine(
            "VirtioGuest " + Versions.Kernel + " on .NET " + Versions.Runtime
            + ", started by " + Startup.DoorName(boot.Door));

        foreach (string line in Startup.DescribeMissing(boot.Missing))
        {
            output.WriteLine(line);
        }

        LibOsThread.NameCurrent("shell");
        OutOfMemoryReserve.SetAside();
        var machine = new LibOsMachine(new OutputLog(output), boot.HasMessages != 0);
        var input = new LibOsInput();
        var system = new LibOsSystemControl(input);
        var firmware = new FirmwareDescription
        {
            MemoryMap = system.MemoryMap,
            ConfigurationWindows = Startup.ConfigurationWindows,
            Tables = Startup.AcpiTables,
            CommandLine = Startup.CommandLine,
        };
        var binder = new DeviceBinder(machine, output) { FeedEntropy = EntropyFeed.Start };
        DeviceInventory devices = binder.Bind(firmware);
        ShellDisk[] disks = ShellDisk.Of(devices.Disks);
        ShellNetwork[] networks = ShellNetwork.Of(devices.Networks);
        var context = new ShellContext(
            output,
            system,
            disks,
            networks,
            SelfTestSuite.Create(machine, system, devices, disks, networks, Versions.Runtime),
            CommandList.Create(system, devices))
        {
            OtherDevices = [.. devices.Others],
        };
        var shell = new CommandShell(context, new InterruptibleRunner(LibOsThread.NameCurrent));
        FixedEvents? events = PowerEvents.Start(
            machine,
            binder.Tables,
            output,
            new OrderlyShutdown(context.Activity, system, output, () => devices.Disks));
        binder.Changed = () =>
        {
            context.OtherDevices = [.. devices.Others];
            context.Replace(
                ShellDisk.Of(devices.Disks),
                ShellNetwork.Of(devices.Networks),
                SelfTestSuite.Create(
                    machine,
                    system,
                    devices,
                    ShellDisk.Of(devices.PresentDisks),
                    ShellNetwork.Of(devices.PresentNetworks),
                    Versions.Runtime));
        };
        AcpiHotplug.Start(binder.Tables, machine, events, binder);
        HotplugSlots.Start(binder);
        if (ScriptSource.TryFind(machine.Ports, firmware.CommandLine, output, out string? script))
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

        shell.RunInteractively(new LineEditor(input, output));
    }
}
