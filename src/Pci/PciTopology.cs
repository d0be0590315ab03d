using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>All functions that answered, on all buses.</summary>
public sealed class PciTopology
{
    private readonly PciFunction[] _functions;

    private PciTopology(PciFunction[] functions)
    {
        _functions = functions;
    }

    /// <summary>The functions, by bus, device and function.</summary>
    public ReadOnlySpan<PciFunction> Functions => _functions;

    /// <summary>
    /// Walks all buses: those that firmware numbered first, then those behind bridges that it left without numbers,
    /// which get some.
    /// </summary>
    /// <param name="configuration">The way to configuration space.</param>
    /// <param name="log">Where oddities of devices are told.</param>
    /// <remarks>
    /// A function whose vendor reads 0x0000 or 0xFFFF is absent. At most <see cref="MaximumFunctions"/> are kept,
    /// whatever hostile bridges pretend.
    /// </remarks>
    public static PciTopology Discover(ConfigurationAccess configuration, DeviceLog log) =>
        new PciTopology(new BusScan(configuration, log).Run());

    /// <summary>How many functions are kept at most.</summary>
    public const int MaximumFunctions = 1024;

    /// <summary>The function at an address, or null.</summary>
    public PciFunction? Find(PciAddress address)
    {
        foreach (PciFunction function in _functions)
        {
            if (function.Address == address)
            {
                return function;
            }
        }

        return null;
    }
}
