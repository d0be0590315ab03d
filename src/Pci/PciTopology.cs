using System;
using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>All functions that answered, on all buses.</summary>
public sealed class PciTopology
{
    private readonly ConfigurationAccess _configuration;
    private readonly DeviceLog _log;
    private PciFunction[] _functions;

    private PciTopology(ConfigurationAccess configuration, DeviceLog log)
    {
        _configuration = configuration;
        _log = log;
        _functions = new BusScan(configuration, log).Run();
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
        new PciTopology(configuration, log);

    /// <summary>How many functions are kept at most.</summary>
    public const int MaximumFunctions = 1024;

    /// <summary>Looks for functions that have come to a device number of a known bus.</summary>
    /// <param name="bus">The bus: a root bus, or one that a known bridge leads to.</param>
    /// <param name="device">The device number, 0 to 31.</param>
    /// <returns>
    /// The functions that are new. A bridge among them forwards nothing: numbers are given out by
    /// <see cref="Discover"/> alone.
    /// </returns>
    public PciFunction[] Add(byte bus, byte device)
    {
        PciFunction[] found = new BusScan(_configuration, _log).Probe(bus, device, BridgeTo(bus));
        List<PciFunction> added = new List<PciFunction>();
        List<PciFunction> all = new List<PciFunction>(_functions);
        for (int index = 0; index < found.Length; index++)
        {
            if (Find(found[index].Address) == null && all.Count < MaximumFunctions)
            {
                added.Add(found[index]);
                all.Add(found[index]);
            }
        }

        _functions = BusScan.Sort(all);
        return added.ToArray();
    }

    /// <summary>Forgets the functions of a device, and all that are behind them.</summary>
    /// <returns>The functions that were known, those behind others first.</returns>
    public PciFunction[] Remove(byte bus, byte device)
    {
        List<PciFunction> removed = new List<PciFunction>();
        List<PciFunction> kept = new List<PciFunction>();
        for (int index = _functions.Length - 1; index >= 0; index--)
        {
            (IsAtOrBehind(_functions[index], bus, device) ? removed : kept).Add(_functions[index]);
        }

        _functions = BusScan.Sort(kept);
        return removed.ToArray();
    }

    private static bool IsAtOrBehind(PciFunction function, byte bus, byte device)
    {
        PciFunction? at = function;
        while (at != null && (at.Address.Bus != bus || at.Address.Device != device))
        {
            at = at.Upstream;
        }

        return at != null;
    }

    private PciFunction? BridgeTo(byte bus)
    {
        for (int index = 0; index < _functions.Length; index++)
        {
            PciBridge? bridge = _functions[index].Bridge;
            if (bridge != null && bridge.SecondaryBus == bus && bus != 0)
            {
                return _functions[index];
            }
        }

        return null;
    }

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
