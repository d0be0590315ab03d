using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>The device's side of a split ring, from the text of virtio 1.4, 2.7.</summary>
internal sealed unsafe class SplitRingModel : RingModel
{
    private readonly ulong _table;
    private readonly ulong _available;
    private readonly ulong _used;
    private ushort _takenIndex;
    private ushort _usedIndex;
    private ushort _askedIndex;
    private int _nextHead;

    public SplitRingModel(
        SimulatedDma memory, ulong descriptors, ulong driverArea, ulong deviceArea, int size, ulong features)
        : base(memory, size, features)
    {
        _table = descriptors;
        _available = driverArea;
        _used = deviceArea;
        if ((size & (size - 1)) != 0)
        {
            memory.Violations.Add("the size of a split queue is no power of two");
        }
    }

    /// <summary><c>used_event</c>.</summary>
    public ushort UsedEvent => Load(_available + 4 + (2 * (ulong)Size));

    /// <summary><c>flags</c> of the available ring.</summary>
    public ushort AvailableFlags => Load(_available);

    /// <summary><c>idx</c> of the available ring.</summary>
    public ushort AvailableIndex => Load(_available + 2);

    /// <summary>Where the next used element is due, counted without its wrap at the queue's size.</summary>
    public ushort UsedIndex => _usedIndex;

    public override bool DriverWantsInterrupts => AvailableFlags == 0;

    public override TakenBuffer? TryTake()
    {
        if (AvailableIndex == _takenIndex)
        {
            return null;
        }

        ushort head = Load(_available + 4 + (2 * ((ulong)_takenIndex % (ulong)Size)));
        if (IsInOrder && head != _nextHead)
        {
            Memory.Violations.Add($"chain {head} is not in ring order");
        }

        _takenIndex++;
        List<Element> elements = new List<Element>();
        int descriptor = head;
        for (int count = 1; count <= Size; count++)
        {
            if (descriptor >= Size)
            {
                break;
            }

            byte* fields = Memory.DeviceReads(_table + ((ulong)descriptor * 16), 16);
            ushort flags = *(ushort*)(fields + 12);
            ushort next = *(ushort*)(fields + 14);
            if ((flags & ~7) != 0 || (flags & 5) == 5)
            {
                Memory.Violations.Add($"a descriptor has flags {flags:x4}");
            }

            if ((flags & 4) != 0)
            {
                TakeTable(*(ulong*)fields, *(uint*)(fields + 8), elements);
            }
            else
            {
                elements.Add(new Element(*(ulong*)fields, *(uint*)(fields + 8), (flags & 2) != 0));
            }

            if ((flags & 1) == 0)
            {
                _nextHead = (descriptor + 1) % Size;
                return new TakenBuffer(head, elements.ToArray(), count);
            }

            if (IsInOrder && next != (descriptor + 1) % Size)
            {
                Memory.Violations.Add($"descriptor {next} follows {descriptor}");
            }

            descriptor = next;
        }

        Memory.Violations.Add("a chain leaves the table or does not end");
        return null;
    }

    public override void Use(TakenBuffer buffer, uint length, bool setWrite = false) => WriteUsed(buffer.Id, length, 1);

    public override void UseBatch(IReadOnlyList<TakenBuffer> batch, uint lastLength)
    {
        WriteElement(batch[^1].Id, lastLength);
        SetUsedIndex((ushort)(_usedIndex + batch.Count));
    }

    public override void WriteUsed(ushort id, uint length, int descriptors, bool setWrite = false)
    {
        WriteElement(id, length);
        SetUsedIndex((ushort)(_usedIndex + 1));
    }

    /// <summary>Writes the next used element, which the index does not count yet.</summary>
    public void WriteElement(uint id, uint length)
    {
        byte* element = Memory.DeviceWrites(_used + 4 + (8 * ((ulong)_usedIndex % (ulong)Size)), 8);
        *(uint*)element = id;
        *(uint*)(element + 4) = length;
    }

    /// <summary>Writes <c>idx</c> of the used ring, after everything before.</summary>
    public void SetUsedIndex(ushort index)
    {
        _usedIndex = index;
        Volatile.Write(ref *(ushort*)Memory.DeviceWrites(_used + 2, 2), index);
    }

    /// <summary>Writes <c>flags</c> of the used ring.</summary>
    public void SetUsedFlags(ushort flags) => Volatile.Write(ref *(ushort*)Memory.DeviceWrites(_used, 2), flags);

    /// <summary>Writes <c>avail_event</c>.</summary>
    public void SetAvailableEvent(ushort index) =>
        Volatile.Write(ref *(ushort*)Memory.DeviceWrites(_used + 4 + (8 * (ulong)Size), 2), index);

    public override bool IsInterruptDue()
    {
        ushort from = _askedIndex;
        _askedIndex = _usedIndex;
        if (!HasEventIndex)
        {
            return from != _usedIndex && AvailableFlags == 0;
        }

        if (AvailableFlags != 0)
        {
            Memory.Violations.Add("flags of the available ring are set although EVENT_IDX was negotiated");
        }

        for (ushort at = from; at != _usedIndex; at++)
        {
            if (at == UsedEvent)
            {
                return true;
            }
        }

        return false;
    }

    public override void SuppressNotifications(bool suppressed)
    {
        if (HasEventIndex)
        {
            SetAvailableEvent((ushort)(_takenIndex - (suppressed ? 1 : 0)));
        }
        else
        {
            SetUsedFlags(suppressed ? (ushort)1 : (ushort)0);
        }
    }

    public override void AskForNotificationAt(int ahead) => SetAvailableEvent((ushort)(_takenIndex + ahead));

    public override void Scribble(uint bits)
    {
        byte* used = Memory.Raw(_used);
        switch (bits & 7)
        {
            case 0:
                *(ushort*)used = (ushort)(bits >> 3);
                break;
            case 1:
                *(ushort*)(used + 4 + (8 * Size)) = (ushort)(bits >> 3);
                break;
            case 2:
                *(ushort*)(used + 2) = (ushort)(bits >> 3);
                break;
            case 3:
            case 4:
                *(ushort*)(used + 2) += (ushort)((bits >> 3) % 3);
                break;
            default:
                byte* element = used + 4 + (8 * ((bits >> 3) % (uint)Size));
                *(uint*)element = (bits & 0x100) != 0 ? (bits >> 9) % (uint)Size : bits >> 9;
                *(uint*)(element + 4) = (bits >> 16) & 3;
                break;
        }
    }

    private ushort Load(ulong address) => Volatile.Read(ref *(ushort*)Memory.DeviceReads(address, 2));

    private void TakeTable(ulong address, uint length, List<Element> elements)
    {
        byte* table = Table(address, length, out int count);
        int index = 0;
        for (int i = 0; i < count; i++)
        {
            byte* descriptor = table + (index * 16);
            ushort flags = *(ushort*)(descriptor + 12);
            int next = *(ushort*)(descriptor + 14);
            elements.Add(new Element(*(ulong*)descriptor, *(uint*)(descriptor + 8), (flags & 2) != 0));
            if ((flags & ~3) != 0)
            {
                Memory.Violations.Add($"a descriptor of a table has flags {flags:x4}");
            }

            if ((flags & 1) == 0)
            {
                if (i != count - 1)
                {
                    Memory.Violations.Add("a table is longer than its chain");
                }

                return;
            }

            if (next >= count || (IsInOrder && next != index + 1))
            {
                break;
            }

            index = next;
        }

        Memory.Violations.Add("a chain leaves its table");
    }
}
