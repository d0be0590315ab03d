using System;
using System.Collections.Generic;
using System.Threading.Tasks;
using VirtioGuest.Commands;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel;

/// <summary>
/// The machine under a program of one's own: what there is of .NET works after <see cref="Start"/>, its sockets
/// included. When the program's Main returns, the machine is switched off.
/// </summary>
public static class Guest
{
    private static KernelStart? s_start;

    /// <summary>The options that the machine was started with (QEMU's <c>-append</c>); empty for none.</summary>
    public static string CommandLine => s_start?.Firmware.CommandLine ?? "";

    /// <summary>
    /// Brings the devices up, and asks for an address on every network card. To be called first, once.
    /// </summary>
    /// <exception cref="InvalidOperationException">It was called before.</exception>
    public static void Start()
    {
        if (s_start is not null)
        {
            throw new InvalidOperationException("The guest is started already.");
        }

        var start = new KernelStart("main");
        s_start = start;
        start.WatchMachine(
            new OrderlyShutdown(new CommandActivity(), start.System, start.Output, () => start.Devices.Disks));
        Parallel.ForEach(new List<NetworkPort>(start.Devices.Networks), port => Configure(port, start.Output));
    }

    /// <summary>Switches the machine off.</summary>
    /// <param name="hasFailed">Whether QEMU is to end with a status that tells of a failure.</param>
    public static void Exit(bool hasFailed = false) => s_start?.System.Exit(hasFailed);

    private static void Configure(NetworkPort port, LibOsOutput output)
    {
        DhcpResult result = port.Dhcp();
        output.WriteLine($"{port.Name}: {result}");
    }
}
