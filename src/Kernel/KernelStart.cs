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
    public KernelStart(string threadName)
    {
        Output = new LibOsOutput();
        Machine = StartMachine(Output, threadName);
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
        Devices = Binder.Bind(Firmware);
    }

    /// <summary>What comes before any device: the first line, and the machine as drivers see it.</summary>
    /// <param name="output">The console.</param>
    /// <param name="threadName">What the calling thread will be called.</param>
    public static LibOsMachine StartMachine(LibOsOutput output, string threadName)
    {
        // Nothing slow comes before the first line: how soon it comes is measured.
        BootInfo boot = Startup.Information;
        output.WriteLine(
            "VirtioGuest " + Versions.Kernel + " on .NET " + Versions.Runtime
            + ", started by " + Startup.DoorName(boot.Door));

        foreach (string line in Startup.DescribeMissing(boot.Missing))
        {
            output.WriteLine(line);
        }

        LibOsThread.NameCurrent(threadName);
        OutOfMemoryReserve.SetAside();
        return new LibOsMachine(new OutputLog(output), boot.HasMessages != 0);
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
