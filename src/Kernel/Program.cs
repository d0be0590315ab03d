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
        var system = new LibOsSystemControl();
        var firmware = new FirmwareDescription
        {
            MemoryMap = system.MemoryMap,
            ConfigurationWindows = Startup.ConfigurationWindows,
            Tables = Startup.AcpiTables,
            CommandLine = Startup.CommandLine,
        };
        var binder = new DeviceBinder(machine, output);
        DeviceInventory devices = binder.Bind(firmware);
        ShellDisk[] disks = ShellDisk.Of(devices.Disks);
        ShellNetwork[] networks = ShellNetwork.Of(devices.Networks);
        var context = new ShellContext(
            output,
            system,
            disks,
            networks,
            SelfTestSuite.Create(machine, system, devices, disks, networks, Versions.Runtime),
            CommandList.Create(system, devices));
        var shell = new CommandShell(context);
        PowerEvents.Start(
            machine,
            binder.Tables,
            output,
            new OrderlyShutdown(context.Activity, system, output, () => devices.Disks));
        string? script = ScriptSource.Find(machine.Ports, firmware.CommandLine, output);
        if (script is null || shell.RunScript(script))
        {
            shell.RunInteractively(new LineEditor(new LibOsInput(), output));
        }
    }
}
