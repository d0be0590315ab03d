using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;

namespace VirtioGuest.Conformance.Judge;

/// <summary>Notifications of available buffers: when, where and what (virtio 1.4, 2.9, 3.1 and 4.1.5.2).</summary>
internal sealed class NotificationRules : RuleSet
{
    private uint? _data;

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (!access.IsWrite || access.Register != Register.Notify)
        {
            return;
        }

        if (Device.Has(FeatureBit.Suspend))
        {
            Expect("drv.general.33", !Device.IsSuspended, "notify", $"a suspended device was notified");
        }

        if (!Device.IsSuspended)
        {
            Expect("drv.general.27", Device.IsLive, "notify", $"{access.Value:x} was written at {Device.Status:x}");
        }

        bool hasData = Device.Has(FeatureBit.NotificationData);
        _data = hasData ? access.Value : null;
        if (!Device.IsMmio)
        {
            OnPci(access, hasData, Device.Has(FeatureBit.NotificationConfigurationData));
        }
    }

    /// <inheritdoc/>
    public override void OnSeen(RingSeen seen)
    {
        if (seen.Moment != RingMoment.Notified || _data is not uint data || !seen.Ring.IsPacked)
        {
            return;
        }

        int slot = seen.Ring.Available % seen.Ring.Size;
        bool wrap = seen.Ring.Available < seen.Ring.Size;
        Expect(
            "drv.packed.4",
            ((data >> 16) & 0x7FFF) == slot && (data >> 31 != 0) == wrap,
            PlaceOf(seen.Queue),
            $"{data:x} was written while slot {slot} with wrap counter {(wrap ? 1 : 0)} was the next");
    }

    private void OnPci(Access access, bool hasData, bool isNamed)
    {
        string width = hasData ? "drv.pci.38" : "drv.pci.37";
        bool isWide = access.Width == (hasData ? 4 : 2);
        Expect(width, isWide, "notify", $"a notification had {8 * access.Width} bits");
        if (!isWide)
        {
            return;
        }

        string value = (isNamed, hasData) switch
        {
            (true, true) => "drv.pci.42",
            (true, false) => "drv.pci.41",
            (false, true) => "drv.pci.40",
            _ => "drv.pci.39",
        };
        QueueView? named = FindByValue(access.Value & 0xFFFF, isNamed);
        List<QueueView> placed = FindByPlace(access.Offset);
        bool isElsewhere = Device.Facts.NotifyMultiplier is not null && placed.Count == 0;
        Expect(
            value,
            isElsewhere || (named is not null && placed.Contains(named)),
            "notify",
            $"{access.Value:x} was written at {access.Offset:x}, which names no queue of that place");
        Expect("drv.pci.45", !isElsewhere, "notify", $"{access.Offset:x} is the place of no queue");
    }

    private QueueView? FindByValue(uint value, bool isNamed)
    {
        foreach (QueueView each in Device.Queues)
        {
            if (each.IsEnabled && value == (isNamed ? each.NotificationData : (uint)each.Index))
            {
                return each;
            }
        }

        return null;
    }

    /// <summary>The queues whose place it is, or may be as far as is known.</summary>
    private List<QueueView> FindByPlace(uint offset)
    {
        List<QueueView> found = [];
        foreach (QueueView each in Device.Queues)
        {
            bool isKnown = Device.Facts.NotifyMultiplier is not null && each.NotifyOffset is not null;
            if (each.IsEnabled && (!isKnown || each.NotifyOffset * Device.Facts.NotifyMultiplier == offset))
            {
                found.Add(each);
            }
        }

        return found;
    }
}
