using System;
using System.Numerics;

namespace VirtioGuest.Conformance.Judge;

/// <summary>How queues are set up (virtio 1.4, 2.6, 2.7.1, 2.8.11, 4.1.4.3.2 and 4.2.2.2).</summary>
internal sealed class QueueRules : RuleSet
{
    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (!access.IsExact || !access.IsWrite || !access.CanWrite)
        {
            if (access.Reads(Register.QueueReset) && access.Value == 0 && Device.Selected.IsResetting)
            {
                Expect(Device.IsMmio ? "drv.mmio.21" : "drv.pci.21", true, PlaceOf(Device.QueueSelect), $"");
            }

            return;
        }

        switch (access.Register)
        {
            case Register.QueueSize:
                OnSize(Device.Selected, access.Value);
                break;
            case Register.QueueAddress:
            case Register.QueueVector:
                OnField(Device.Selected, access.Register);
                break;
            case Register.QueueEnable:
                OnEnable(Device.Selected, access.Value);
                break;
            case Register.QueueReset:
                OnPresence(Device.Selected);
                break;
            default:
                break;
        }
    }

    private void OnSize(QueueView queue, uint size)
    {
        OnField(queue, Register.QueueSize);
        if (queue.Largest is uint largest && largest != 0)
        {
            Expect(
                Device.IsMmio ? "drv.mmio.14" : "drv.pci.47",
                size <= largest,
                PlaceOf(queue.Index),
                $"the size {size} is more than {largest}");
        }

        if (Device.IsMmio)
        {
            return;
        }

        if (Device.IsPacked)
        {
            Expect("drv.pci.16", size != 0, PlaceOf(queue.Index), $"the size 0 was written");
        }
        else
        {
            Expect("drv.pci.17", BitOperations.IsPow2(size), PlaceOf(queue.Index), $"the size {size} was written");
        }
    }

    private void OnField(QueueView queue, Register register)
    {
        OnPresence(queue);
        Expect(
            Device.IsMmio ? "drv.mmio.15" : "drv.pci.18",
            !queue.IsEnabled,
            PlaceOf(queue.Index),
            $"{register} was written while the queue was enabled");
    }

    private void OnPresence(QueueView queue)
    {
        bool isThere = queue.Largest != 0 && (Device.QueueCount is not int count || queue.Index < count);
        if (!Device.IsMmio)
        {
            Expect("drv.pci.46", isThere, PlaceOf(queue.Index), $"a queue that is not there was configured");
        }
    }

    private void OnEnable(QueueView queue, uint value)
    {
        string place = PlaceOf(queue.Index);
        if (value == 0)
        {
            if (!Device.IsMmio)
            {
                Expect("drv.pci.20", false, place, $"0 was written to queue_enable");
            }

            return;
        }

        OnPresence(queue);
        if (!Device.IsMmio)
        {
            Expect("drv.pci.20", true, place, $"");
        }

        if (queue.IsResetting)
        {
            Expect(
                Device.IsMmio ? "drv.mmio.21" : "drv.pci.21",
                false,
                place,
                $"the queue was enabled before its reset was read to be over");
        }

        const uint AllParts = 7;
        bool isConfigured = queue.AddressesWritten == AllParts;
        if (queue.WasReset)
        {
            Expect("drv.general.20", isConfigured, place, $"the queue was enabled again without its addresses");
        }
        else if (!Device.IsMmio)
        {
            Expect("drv.pci.18", isConfigured, place, $"the queue was enabled without its addresses");
        }

        if (isConfigured)
        {
            uint driverArea = Device.IsPacked ? 4u : 2;
            bool isAligned = queue.Descriptors % 16 == 0
                && queue.DriverArea % driverArea == 0
                && queue.DeviceArea % 4 == 0;
            Expect(
                Device.IsPacked ? "drv.packed.1" : "drv.split.1",
                isAligned,
                place,
                $"the parts are at {queue.Descriptors:x}, {queue.DriverArea:x} and {queue.DeviceArea:x}");
        }
    }
}
