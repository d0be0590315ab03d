using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>
/// Hot-plug through ACPI as QEMU has it (its specification "QEMU and ACPI BIOS PCI hotplug interface"): general-purpose
/// event 1 says that something changed, registers say in which slots of which bus.
/// </summary>
/// <remarks>
/// ACPI has methods for all of this. Their registers are found by QEMU's names for them, in tables that are QEMU's, and
/// used as those methods use them.
/// </remarks>
internal sealed class AcpiHotplug
{
    private const string Maker = "BOCHS ";
    private const string HostBridge = "_SB_.PCI0";
    private const string BusSelector = "BSEL";
    private const int HotplugEvent = 1;
    private const int Slots = 32;

    private readonly PortSpace _ports;
    private readonly DeviceBinder _binder;
    private readonly List<(uint Selector, string Path)> _buses = [];
    private readonly AmlNamespace _names;
    private readonly object _gate = new();
    private readonly ushort _status;
    private readonly ushort _eject;
    private readonly ushort _select;
    private bool _hasChanged;

    private AcpiHotplug(
        PortSpace ports, DeviceBinder binder, AmlNamespace names, ushort status, ushort eject, ushort select)
    {
        _ports = ports;
        _binder = binder;
        _names = names;
        _status = status;
        _eject = eject;
        _select = select;
        foreach (string scope in names.ScopesOf(BusSelector))
        {
            if (names.Value(scope, BusSelector) is ulong selector)
            {
                _buses.Add(((uint)selector, scope));
            }
        }
    }

    /// <summary>Listens where the machine has it.</summary>
    public static void Start(FirmwareTables tables, Hal.Machine machine, FixedEvents? events, DeviceBinder binder)
    {
        AmlNamespace names = tables.Names;
        if (events is null || tables.Fixed?.Maker != Maker
            || names.Region(HostBridge, "PCST") is not { Space: AmlRegion.Ports, Length: >= 8 } status
            || names.Region(HostBridge, "SEJ_") is not { Space: AmlRegion.Ports, Length: >= 4 } eject
            || names.Region(HostBridge, "BNMR") is not { Space: AmlRegion.Ports, Length: >= 4 } select)
        {
            return;
        }

        var hotplug = new AcpiHotplug(
            machine.Ports, binder, names, (ushort)status.Address, (ushort)eject.Address, (ushort)select.Address);
        if (hotplug._buses.Count != 0 && events.TryWatch(HotplugEvent, hotplug.OnEvent))
        {
            new Thread(hotplug.Serve) { IsBackground = true }.Start();
        }
    }

    // On the interrupt's thread, which must not wait for a device that comes or goes.
    private void OnEvent()
    {
        lock (_gate)
        {
            _hasChanged = true;
            Monitor.Pulse(_gate);
        }
    }

    private void Serve()
    {
        LibOsThread.NameCurrent("hot-plug");
        while (true)
        {
            lock (_gate)
            {
                while (!_hasChanged)
                {
                    Monitor.Wait(_gate);
                }

                _hasChanged = false;
            }

            foreach ((uint selector, string path) in _buses)
            {
                if (BusOf(path) is { } bus)
                {
                    Serve(selector, bus);
                }
            }
        }
    }

    private void Serve(uint selector, byte bus)
    {
        _ports.Write32(_select, selector);
        uint added = _ports.Read32(_status);
        uint leaving = _ports.Read32((ushort)(_status + 4));
        for (byte slot = 0; slot < Slots; slot++)
        {
            uint bit = 1u << slot;
            if ((leaving & bit) != 0)
            {
                _binder.Unplug(bus, slot);
                _ports.Write32(_select, selector);
                _ports.Write32(_eject, bit);
            }
            else if ((added & bit) != 0)
            {
                _binder.Plug(bus, slot);
            }
        }
    }

    /// <summary>The number of the bus that the scope of a bridge stands for; null where it has none.</summary>
    private byte? BusOf(string path)
    {
        if (path == HostBridge)
        {
            return 0;
        }

        int last = path.LastIndexOf('.');
        byte? above = last < 0 ? null : BusOf(path[..last]);
        return above is { } bus && _names.Value(path, "_ADR") is ulong address
            ? _binder.BusBehind(bus, (byte)(address >> 16), (byte)address)
            : null;
    }
}
