using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>
/// The hot-plug slots of PCI Express ports (PCI Express 3.1, 6.7): looked at twice a second, because that needs no
/// interrupt and costs a register a slot.
/// </summary>
internal sealed class HotplugSlots
{
    private const int Interval = 500;
    private const int PowerUpTime = 100;

    private const uint PortType = 0x02;
    private const uint SlotImplemented = 1 << 8;
    private const uint SlotCapabilities = 0x14;
    private const uint SlotControl = 0x18;
    private const uint SlotStatus = 0x1A;
    private const uint NeededLength = 0x1C;

    private const uint HotplugCapable = 1 << 6;
    private const ushort PowerIsOff = 1 << 10;
    private const ushort PowerIndicator = 3 << 8;
    private const ushort IndicatorOn = 1 << 8;
    private const ushort IndicatorOff = 3 << 8;
    private const ushort ButtonPressed = 1 << 0;
    private const ushort PresenceChanged = 1 << 3;
    private const ushort Present = 1 << 6;
    private const ushort AllEvents = 0x11F;

    private readonly DeviceBinder _binder;
    private readonly List<Slot> _slots = [];

    private HotplugSlots(DeviceBinder binder)
    {
        _binder = binder;
    }

    /// <summary>
    /// Watches all slots of a machine that are hot-plug capable, on a thread of its own; none costs nothing.
    /// </summary>
    public static void Start(DeviceBinder binder)
    {
        var slots = new HotplugSlots(binder);
        foreach (PciFunction function in binder.Functions)
        {
            Capability? express = function.FindCapability(CapabilityId.Express);
            if (function.Bridge is not null && express is { Length: >= NeededLength }
                && (express.Read16(PortType) & SlotImplemented) != 0
                && (express.Read32(SlotCapabilities) & HotplugCapable) != 0)
            {
                slots._slots.Add(new Slot(function.Bridge, express));
            }
        }

        if (slots._slots.Count != 0)
        {
            new Thread(slots.Watch) { IsBackground = true }.Start();
        }
    }

    private void Watch()
    {
        LibOsThread.NameCurrent("hot-plug");
        while (true)
        {
            foreach (Slot slot in _slots)
            {
                slot.Poll(_binder);
            }

            Thread.Sleep(Interval);
        }
    }

    /// <summary>One slot, and whether what is in it was bound.</summary>
    private sealed class Slot(PciBridge bridge, Capability express)
    {
        private bool _isOccupied = (express.Read16(SlotStatus) & Present) != 0;

        public void Poll(DeviceBinder binder)
        {
            ushort status = express.Read16(SlotStatus);
            if (status == ushort.MaxValue)
            {
                // The port itself is gone.
                return;
            }

            bool isPresent = (status & Present) != 0;
            if ((status & (ButtonPressed | PresenceChanged)) != 0)
            {
                express.Write16(SlotStatus, (ushort)(status & AllEvents));
            }

            byte bus = bridge.SecondaryBus;
            bool mustLeave = (status & ButtonPressed) != 0 && _isOccupied;
            if (_isOccupied && (mustLeave || !isPresent))
            {
                _isOccupied = false;
                binder.Unplug(bus, 0);
                SetPower(PowerIsOff | IndicatorOff);
            }
            else if (!_isOccupied && isPresent && (status & (ButtonPressed | PresenceChanged)) != 0)
            {
                _isOccupied = true;
                SetPower(IndicatorOn);
                Thread.Sleep(PowerUpTime);
                binder.Plug(bus, 0);
            }
        }

        private void SetPower(int value)
        {
            int control = express.Read16(SlotControl) & ~(PowerIsOff | PowerIndicator);
            express.Write16(SlotControl, (ushort)(control | value));
        }
    }
}
