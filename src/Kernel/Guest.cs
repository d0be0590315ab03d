using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using VirtioGuest.Commands;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel;

/// <summary>
/// The machine under a program of one's own: what there is of .NET works after <see cref="Start"/>, its sockets
/// included. When the program's Main returns, the machine is switched off.
/// </summary>
public static class Guest
{
    private static KernelStart? s_start;
    private static LibOsSystemControl? s_system;

    /// <summary>The options that the machine was started with (QEMU's <c>-append</c>); empty for none.</summary>
    public static string CommandLine => s_start?.Firmware.CommandLine ?? "";

    /// <summary>
    /// Brings the devices up, and asks for an address on every network card. To be called first, once.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public static void Start()
    {
        if (s_system is not null)
        {
            throw new InvalidOperationException("The guest is started already.");
        }

        var start = new KernelStart("main");
        s_start = start;
        s_system = start.System;
        start.WatchMachine(
            new OrderlyShutdown(new CommandActivity(), start.System, start.Output, () => start.Devices.Disks));
        Parallel.ForEach(new List<NetworkPort>(start.Devices.Networks), port => Configure(port, start.Output));
    }

    /// <summary>
    /// Starts without any driver, for a program that brings drivers of its own. To be called first, once. There are no
    /// sockets then, and nothing but the program touches a device.
    /// </summary>
    /// <exception cref="InvalidOperationException">
    /// The guest was started before, or the machine has no PCI configuration space.
    /// </exception>
    public static BareMachine StartWithoutDrivers()
    {
        if (s_system is not null)
        {
            throw new InvalidOperationException("The guest is started already.");
        }

        // Without what binds devices, so that nothing of our drivers is in such a program.
        var output = new LibOsOutput();
        LibOsMachine machine = KernelStart.StartMachine(output, "main");
        s_system = new LibOsSystemControl(new LibOsInput());
        ConfigurationAccess? configuration = ConfigurationSpace.Open(
            machine, Startup.ConfigurationWindows, output, out _);
        return new BareMachine(
            machine,
            configuration ?? throw new InvalidOperationException("The machine has no PCI configuration space."));
    }

    /// <summary>Switches the machine off.</summary>
    /// <param name="hasFailed">Whether QEMU is to end with a status that tells of a failure.</param>
    public static void Exit(bool hasFailed = false) => s_system?.Exit(hasFailed);

    private static void Configure(NetworkPort port, LibOsOutput output)
    {
        DhcpResult result = port.Dhcp();
        output.WriteLine($"{port.Name}: {result}");
    }
}

/// <summary>A machine without drivers, in the hands of a program.</summary>
/// <param name="Machine">Memory for devices, registers, interrupts and time.</param>
/// <param name="Configuration">PCI configuration space, as firmware left it.</param>
public sealed record BareMachine(Hal.Machine Machine, ConfigurationAccess Configuration);
