using System;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Acpi;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel;

/// <summary>What every program does first, the shell or another: says that it is there, and binds devices.</summary>
internal sealed class KernelStart
{
    /// <summary>Starts.</summary>
    /// <param name="threadName">What the calling thread will be called.</param>
    /// <param name="bindsDevices">Whether devices get their drivers; else nobody touches them.</param>
    public KernelStart(string threadName, bool bindsDevices = true)
    {
        // Nothing slow comes before the first line: how soon it comes is measured.
        Output = new LibOsOutput();
        BootInfo boot = Startup.Information;
        Output.WriteLine(
            "VirtioGuest " + Versions.Kernel + " on .NET " + Versions.Runtime
            + ", started by " + Startup.DoorName(boot.Door));

        foreach (string line in Startup.DescribeMissing(boot.Missing))
        {
            Output.WriteLine(line);
        }

        LibOsThread.NameCurrent(threadName);
        OutOfMemoryReserve.SetAside();
        Machine = new LibOsMachine(new OutputLog(Output), boot.HasMessages != 0);
        Input = new LibOsInput();
        System = new LibOsSystemControl(Input);
        Firmware = new FirmwareDescription
        {
            MemoryMap = System.MemoryMap,
            ConfigurationWindows = Startup.ConfigurationWindows,
            Tables = Startup.AcpiTables,
            CommandLine = Startup.CommandLine,
        };
        Binder = new DeviceBinder(Machine, Output) { FeedEntropy = EntropyFeed.Start };
        Devices = bindsDevices ? Binder.Bind(Firmware) : new DeviceInventory([]);
    }

    /// <summary>The console.</summary>
    public LibOsOutput Output { get; }

    /// <summary>What is typed.</summary>
    public LibOsInput Input { get; }

    /// <summary>The machine, as drivers see it.</summary>
    public LibOsMachine Machine { get; }

    /// <summary>The machine's switches.</summary>
    public LibOsSystemControl System { get; }

    /// <summary>What the firmware or the monitor said.</summary>
    public FirmwareDescription Firmware { get; }

    /// <summary>Who brings devices up.</summary>
    public DeviceBinder Binder { get; }

    /// <summary>The devices.</summary>
    public DeviceInventory Devices { get; }

    /// <summary>Listens to the power button, and for devices that come and go.</summary>
    /// <param name="shutdown">What the power button does.</param>
    public void WatchMachine(OrderlyShutdown shutdown)
    {
        FixedEvents? events = PowerEvents.Start(Machine, Binder.Tables, Output, shutdown);
        AcpiHotplug.Start(Binder.Tables, Machine, events, Binder);
        HotplugSlots.Start(Binder);
    }
}
