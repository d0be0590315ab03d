using System.Collections.Generic;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci;

/// <summary>
/// One walk over all buses of a segment group (PCI-to-PCI Bridge Architecture 1.2, 3.2.5).
/// </summary>
/// <remarks>
/// Every bus number has an owner: the bus whose bridges may still use it. A bridge takes numbers from the owner that it
/// is on and owns them from then on, so that each number is walked once, whatever the bridges' registers say.
/// </remarks>
internal sealed class BusScan
{
    private const int Devices = 32;
    private const int FunctionsOfDevice = 8;

    private readonly ConfigurationAccess _configuration;
    private readonly DeviceLog _log;
    private readonly List<PciFunction> _functions = new List<PciFunction>();
    private readonly byte[] _owner = new byte[256];
    private int _hostBridges;
    private bool _isFull;

    public BusScan(ConfigurationAccess configuration, DeviceLog log)
    {
        _configuration = configuration;
        _log = log;
    }

    /// <summary>Walks everything and gives what answered, in the order of addresses.</summary>
    public PciFunction[] Run()
    {
        List<PciFunction> unnumbered = new List<PciFunction>();
        byte root = _configuration.FirstBus;
        Own(root, root, _configuration.LastBus);
        Walk(root, null, unnumbered);
        if (_hostBridges > 1)
        {
            WalkHiddenRoots(root, unnumbered);
        }

        for (int index = 0; index < unnumbered.Count; index++)
        {
            Number(unnumbered[index]);
        }

        return Sort(_functions);
    }

    /// <summary>What answers at one device number. Bridges found so get no bus numbers.</summary>
    public PciFunction[] Probe(byte bus, byte device, PciFunction? upstream)
    {
        List<PciFunction> numbered = new List<PciFunction>();
        List<PciFunction> unnumbered = new List<PciFunction>();
        WalkDevice(bus, device, upstream, numbered, unnumbered);
        return Sort(_functions);
    }

    /// <summary>
    /// A second host bridge leads to root buses that only firmware's tables name; here they are found because they
    /// answer.
    /// </summary>
    private void WalkHiddenRoots(byte root, List<PciFunction> unnumbered)
    {
        for (int bus = root + 1; bus <= _configuration.LastBus; bus++)
        {
            if (_owner[bus] == root && Answers((byte)bus))
            {
                for (int number = bus; number <= _configuration.LastBus; number++)
                {
                    _owner[number] = _owner[number] == root ? (byte)bus : _owner[number];
                }

                root = (byte)bus;
                Walk(root, null, unnumbered);
            }
        }
    }

    private bool Answers(byte bus)
    {
        for (byte device = 0; device < Devices; device++)
        {
            if (IsPresent(new PciAddress(_configuration.Segment, bus, device, 0)))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Finds the functions of a bus and walks the buses behind its numbered bridges.</summary>
    private void Walk(byte bus, PciFunction? upstream, List<PciFunction> unnumbered)
    {
        List<PciFunction> numbered = new List<PciFunction>();
        for (byte device = 0; device < Devices && !_isFull; device++)
        {
            WalkDevice(bus, device, upstream, numbered, unnumbered);
        }

        for (int index = 0; index < numbered.Count; index++)
        {
            PciFunction bridge = numbered[index];
            Walk(bridge.Bridge!.SecondaryBus, bridge, unnumbered);
        }
    }

    private void WalkDevice(
        byte bus, byte device, PciFunction? upstream, List<PciFunction> numbered, List<PciFunction> unnumbered)
    {
        int count = 1;
        for (byte number = 0; number < count; number++)
        {
            PciAddress address = new PciAddress(_configuration.Segment, bus, device, number);
            if (!IsPresent(address))
            {
                continue;
            }

            if (number == 0
                && (_configuration.Read8(address, ConfigurationHeader.HeaderType)
                    & ConfigurationHeader.Multifunction) != 0)
            {
                count = FunctionsOfDevice;
            }

            if (_functions.Count == PciTopology.MaximumFunctions)
            {
                _isFull = true;
                _log.Warning("more PCI functions than can be real: those from " + address.ToString()
                    + " on are left out");
                return;
            }

            PciFunction function = new PciFunction(_configuration, address, upstream, _log);
            _functions.Add(function);
            if (function.BaseClass == PciClass.Bridge && function.Subclass == PciClass.HostBridge)
            {
                _hostBridges++;
            }

            if (function.Bridge != null)
            {
                (TryKeepNumbers(function) ? numbered : unnumbered).Add(function);
            }
        }
    }

    /// <summary>Takes the numbers that firmware gave a bridge, or makes the bridge forward nothing.</summary>
    private bool TryKeepNumbers(PciFunction function)
    {
        PciBridge bridge = function.Bridge!;
        byte bus = function.Address.Bus;
        byte secondary = bridge.SecondaryBus;
        byte subordinate = bridge.SubordinateBus;
        bool isSound = secondary > bus && subordinate >= secondary && subordinate <= _configuration.LastBus;
        for (int number = secondary; isSound && number <= subordinate; number++)
        {
            isSound = _owner[number] == bus;
        }

        if (!isSound)
        {
            bridge.TryNumber(bus, 0, 0);
            return false;
        }

        Own(secondary, secondary, subordinate);
        if (bridge.PrimaryBus != bus)
        {
            bridge.TryNumber(bus, secondary, subordinate);
        }

        return true;
    }

    /// <summary>
    /// Gives a bridge the numbers that its bus has left, walks behind it, and takes back what was not used.
    /// </summary>
    private void Number(PciFunction function)
    {
        byte bus = function.Address.Bus;
        int first = bus + 1;
        while (first <= _configuration.LastBus && _owner[first] != bus)
        {
            first++;
        }

        int last = first;
        while (last < _configuration.LastBus && _owner[last + 1] == bus)
        {
            last++;
        }

        PciBridge bridge = function.Bridge!;
        if (first > _configuration.LastBus || !bridge.TryNumber(bus, (byte)first, (byte)last))
        {
            bridge.TryNumber(bus, 0, 0);
            _log.Warning(function.Address.ToString()
                + ": no bus number for this bridge: what is behind it is not seen");
            return;
        }

        Own((byte)first, first, last);
        List<PciFunction> unnumbered = new List<PciFunction>();
        Walk((byte)first, function, unnumbered);
        for (int index = 0; index < unnumbered.Count; index++)
        {
            Number(unnumbered[index]);
        }

        while (last > first && _owner[last] == first)
        {
            _owner[last] = bus;
            last--;
        }

        bridge.TryNumber(bus, (byte)first, (byte)last);
    }

    private void Own(byte owner, int first, int last)
    {
        for (int number = first; number <= last; number++)
        {
            _owner[number] = owner;
        }
    }

    private bool IsPresent(PciAddress address)
    {
        ushort vendor = _configuration.Read16(address, ConfigurationHeader.VendorId);
        return vendor is not 0x0000 and not 0xFFFF;
    }

    /// <summary>Functions in the order of their addresses.</summary>
    public static PciFunction[] Sort(List<PciFunction> functions)
    {
        PciFunction[] sorted = functions.ToArray();
        for (int i = 1; i < sorted.Length; i++)
        {
            PciFunction function = sorted[i];
            int place = i;
            while (place > 0 && sorted[place - 1].Address.Order > function.Address.Order)
            {
                sorted[place] = sorted[place - 1];
                place--;
            }

            sorted[place] = function;
        }

        return sorted;
    }
}
