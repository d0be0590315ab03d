using System;
using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Judge;

/// <summary>
/// Rings of both formats (virtio 1.4, 2.7 and 2.8). Whether a buffer has the form of its ring, the device's own queue
/// finds out; these rules give what it found its name, and watch what no device has to look at.
/// </summary>
internal sealed class RingRules : RuleSet
{
    private const ushort Indirect = 1 << 2;
    private const ushort PackedByDescriptor = 2;

    /// <summary>What every buffer that was taken without an error kept.</summary>
    private static readonly string[] s_keptSplit =
    [
        "drv.split.2", "drv.split.4", "drv.split.8", "drv.split.9", "drv.split.11", "drv.split.28", "drv.split.29",
        "drv.split.30", "drv.split.32", "drv.split.33",
    ];

    private static readonly string[] s_keptPacked =
    [
        "drv.packed.2", "drv.packed.7", "drv.packed.8", "drv.packed.18", "drv.packed.19", "drv.packed.21",
        "drv.packed.25",
    ];

    private readonly Dictionary<int, RingState> _seen = new Dictionary<int, RingState>();

    /// <inheritdoc/>
    public override void OnTaken(BufferTaken taken)
    {
        string place = PlaceOf(taken.Queue);
        foreach (string each in Device.IsPacked ? s_keptPacked : s_keptSplit)
        {
            Expect(each, true, place, $"");
        }

        bool hasTable = false;
        int direct = 0;
        foreach (RingDescriptor each in taken.Buffer.Descriptors)
        {
            hasTable |= (each.Flags & Indirect) != 0 && !each.IsInTable;
            direct += each.IsInTable ? 0 : 1;
        }

        if (direct > 1 && Device.IsPacked)
        {
            Expect("drv.packed.10", true, place, $"");
            Expect("drv.packed.11", true, place, $"");
        }

        if (hasTable)
        {
            foreach (string each in Device.IsPacked
                ? new[] { "drv.packed.12", "drv.packed.13", "drv.packed.15", "drv.packed.20" }
                : ["drv.split.6", "drv.split.7", "drv.split.31"])
            {
                Expect(each, true, place, $"");
            }
        }

        if (Device.Has(FeatureBit.InOrder) && !Device.IsPacked)
        {
            Expect(hasTable ? "drv.split.10" : "drv.split.5", true, place, $"");
        }
    }

    /// <inheritdoc/>
    public override void OnUsed(BufferUsed used)
    {
        for (int i = 0; i < used.Before.Count; i++)
        {
            RingDescriptor before = used.Before[i];
            RingDescriptor now = used.Now[i];
            Expect(
                Device.IsPacked ? "drv.packed.3" : "drv.general.28",
                before == now,
                PlaceOf(used.Queue),
                $"{before} of buffer {used.Id} became {now} while the device had it");
        }
    }

    /// <inheritdoc/>
    public override void OnSeen(RingSeen seen)
    {
        RingState ring = seen.Ring;
        bool wasSeen = _seen.TryGetValue(seen.Queue, out RingState before);
        _seen[seen.Queue] = ring;
        if (seen.Moment == RingMoment.Resumed)
        {
            return;
        }

        if (seen.Moment == RingMoment.Enabled)
        {
            if (!ring.IsPacked)
            {
                bool isClear = ring.DeviceFlags == 0;
                Expect("drv.split.19", isClear, PlaceOf(seen.Queue), $"the used ring's flags are {ring.DeviceFlags:x}");
            }

            return;
        }

        OnDriverFlags(seen.Queue, ring);
        if (wasSeen && Device.IsLive && !Device.IsSuspended)
        {
            OnProgress(seen, before);
        }
    }

    /// <inheritdoc/>
    public override void OnBroken(RingBroken broken)
    {
        string id = Device.IsPacked ? PackedName(broken) : SplitName(broken);
        if (id.Length != 0)
        {
            Expect(id, false, PlaceOf(broken.Queue), $"the device gave the ring up: {broken.Error}");
        }
    }

    private void OnDriverFlags(int queue, RingState ring)
    {
        bool hasEvents = Device.Has(FeatureBit.EventIndex);
        string place = PlaceOf(queue);
        FormattableString text = $"the driver's flags are {ring.DriverFlags:x}";
        if (ring.IsPacked)
        {
            ushort flags = (ushort)(ring.DriverFlags & 3);
            bool isKnown = flags < PackedByDescriptor || (hasEvents && flags == PackedByDescriptor);
            Expect("drv.packed.22", isKnown, place, text);
        }
        else if (hasEvents)
        {
            Expect("drv.split.14", ring.DriverFlags == 0, place, text);
        }
        else
        {
            Expect("drv.split.12", ring.DriverFlags <= 1, place, text);
        }
    }

    /// <summary>
    /// Judges whether the driver was to notify of what it has made available since the ring was looked at last.
    /// </summary>
    private void OnProgress(RingSeen seen, RingState before)
    {
        RingState ring = seen.Ring;
        int count = Distance(ring, before.Available);
        bool isNotified = seen.Moment is RingMoment.Notified or RingMoment.Heard or RingMoment.Insisted;
        if (seen.Moment != RingMoment.Notified)
        {
            // What the device has taken meanwhile it needs not be told of. When a notification arrives, the last look
            // may have been later than it was sent: then all counts that is left.
            int left = Distance(ring, ring.Taken);
            count = seen.Moment is RingMoment.Rest or RingMoment.Overdue ? Math.Min(count, left) : left;
        }

        if (count == 0)
        {
            return;
        }

        bool hasEvents = Device.Has(FeatureBit.EventIndex);
        bool isDue = ring.IsPacked ? IsPackedDue(ring, count, hasEvents)
            : hasEvents ? EventTest.Split(ring.DeviceEvent, (ushort)ring.Available, (ushort)(ring.Available - count))
            : (ring.DeviceFlags & 1) == 0;
        string due = ring.IsPacked ? "drv.packed.23" : hasEvents ? "drv.split.24" : "drv.split.22";
        string spared = ring.IsPacked ? "drv.packed.24" : hasEvents ? "drv.split.25" : "drv.split.21";
        if (!isDue)
        {
            if (seen.Moment is RingMoment.Heard or RingMoment.Overdue)
            {
                // The driver may have sent it when that was still asked for, or sees now that it is not.
                return;
            }

            Expect(spared, !isNotified, PlaceOf(seen.Queue), $"a notification came that was not asked for: {ring}");
        }
        else if (seen.Moment is RingMoment.Notified or RingMoment.Heard or RingMoment.Overdue
            || (seen.Moment == RingMoment.Rest
                && ring.DeviceFlags == before.DeviceFlags && ring.DeviceEvent == before.DeviceEvent))
        {
            // Where the device has asked for something else meanwhile, nobody knows what the driver saw.
            Expect(due, isNotified, PlaceOf(seen.Queue), $"{count} more are available and nobody was told: {ring}");
        }
    }

    /// <summary>How far the driver has come from a place.</summary>
    private static int Distance(RingState ring, int place) => ring.IsPacked
        ? (ring.Available - (place % (2 * ring.Size)) + (2 * ring.Size)) % (2 * ring.Size)
        : (ushort)(ring.Available - place);

    private static bool IsPackedDue(RingState ring, int count, bool hasEvents)
    {
        int flags = ring.DeviceFlags & 3;
        if (flags != PackedByDescriptor || !hasEvents)
        {
            return flags != 1;
        }

        int slot = ring.DeviceEvent & 0x7FFF;
        int position = (ring.DeviceEvent & 0x8000) != 0 ? slot : slot + ring.Size;
        return slot >= ring.Size || EventTest.Packed(position, ring.Available, count, ring.Size);
    }

    private static string SplitName(RingBroken broken) => broken.Error switch
    {
        QueueError.AreaUnreachable => "drv.split.33",
        QueueError.AvailableIndexJump => "drv.split.11",
        QueueError.DescriptorOutOfRange => "drv.split.28",
        QueueError.Loop or QueueError.TooManyBytes => "drv.split.4",
        QueueError.ChainTooLong => "drv.split.8",
        QueueError.ZeroLength or QueueError.BufferUnreachable => "drv.split.29",
        QueueError.ReadableAfterWritable => "drv.split.2",
        QueueError.IndirectNotNegotiated => "drv.split.6",
        QueueError.IndirectWithNext => "drv.split.9",
        QueueError.IndirectNested => "drv.split.7",
        QueueError.IndirectTableSize or QueueError.TableNotFilled => "drv.split.31",
        QueueError.BufferInFlight => "drv.split.32",
        QueueError.ReservedFlags => "drv.split.30",
        QueueError.OutOfRingOrder => broken.IsIndirect ? "drv.split.10" : "drv.split.5",
        QueueError.SuppressionNotNegotiated => "drv.split.14",
        _ => string.Empty,
    };

    private static string PackedName(RingBroken broken) => broken.Error switch
    {
        QueueError.AreaUnreachable => "drv.packed.25",
        QueueError.Loop or QueueError.ChainTooLong => "drv.packed.7",
        QueueError.ChainIncomplete => "drv.packed.11",
        QueueError.ZeroLength or QueueError.BufferUnreachable or QueueError.TooManyBytes => "drv.packed.18",
        QueueError.ReadableAfterWritable => "drv.packed.8",
        QueueError.IndirectNotNegotiated => "drv.packed.12",
        QueueError.IndirectWithNext or QueueError.IndirectNested => "drv.packed.15",
        QueueError.IndirectTableSize => "drv.packed.20",
        QueueError.BufferInFlight => "drv.packed.21",
        QueueError.RingOverrun => broken.Slots > 1 ? "drv.packed.10" : "drv.packed.2",
        QueueError.ReservedFlags => broken.IsIndirect ? "drv.packed.13" : "drv.packed.19",
        QueueError.SuppressionNotNegotiated => "drv.packed.22",
        _ => string.Empty,
    };
}
