using System.Collections.Generic;
using System.Linq;
using System.Threading;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>The device's side of a packed ring, from the text of virtio 1.4, 2.8.</summary>
internal sealed unsafe class PackedRingModel : RingModel
{
    private readonly ulong _descriptors;
    private readonly ulong _driverArea;
    private readonly ulong _deviceArea;

    // Counted without end: slot = count mod size, wrap counter = 1 for an even number of rounds.
    private ulong _takenSlots;
    private ulong _usedSlots;
    private ulong _askedSlots;

    public PackedRingModel(
        SimulatedDma memory,
        ulong descriptors,
        ulong driverArea,
        ulong deviceArea,
        int size,
        ulong features = Packed)
        : base(memory, size, features)
    {
        _descriptors = descriptors;
        _driverArea = driverArea;
        _deviceArea = deviceArea;
    }

    /// <summary>The slot in which the next used descriptor is due.</summary>
    public int UsedSlot => (int)(_usedSlots % (ulong)Size);

    public override bool DriverWantsInterrupts => DriverFlags != 1;

    /// <summary>The field <c>desc</c> of the driver's event area.</summary>
    public ushort DriverEventWord => Volatile.Read(ref *(ushort*)Memory.DeviceReads(_driverArea, 4));

    /// <summary>The field <c>flags</c> of the driver's event area.</summary>
    public ushort DriverFlags => Volatile.Read(ref *(ushort*)(Memory.DeviceReads(_driverArea, 4) + 2));

    /// <summary>
    /// What the device writes into its event suppression flags: 0 enable, 1 disable, 2 one descriptor, 3 reserved.
    /// </summary>
    public void SetNotificationFlags(ushort flags) =>
        Volatile.Write(ref *(ushort*)(Memory.DeviceWrites(_deviceArea, 4) + 2), flags);

    /// <summary>What the device writes into the field <c>desc</c> of its event area.</summary>
    public void SetNotificationDescriptor(ushort word) =>
        Volatile.Write(ref *(ushort*)Memory.DeviceWrites(_deviceArea, 4), word);

    public override void SuppressNotifications(bool suppressed) =>
        SetNotificationFlags(suppressed ? (ushort)1 : (ushort)0);

    public override void AskForNotificationAt(int ahead)
    {
        SetNotificationDescriptor(Word(_takenSlots + (ulong)ahead));
        SetNotificationFlags(2);
    }

    public override TakenBuffer? TryTake()
    {
        ulong at = _takenSlots;
        List<Element> elements = new List<Element>();
        while (true)
        {
            byte* slot = Memory.DeviceReads(_descriptors + ((at % (ulong)Size) * 16), 16);
            ushort flags = Volatile.Read(ref *(ushort*)(slot + 14));
            bool counter = (at / (ulong)Size) % 2 == 0;
            bool available = ((flags & 0x80) != 0) == counter && ((flags & 0x8000) != 0) != counter;
            if (!available)
            {
                if (elements.Count != 0)
                {
                    Memory.Violations.Add("a chain is available in part");
                }

                return null;
            }

            if ((flags & ~(0x8080 | 7)) != 0 || (flags & 5) == 5 || (flags & 6) == 6)
            {
                Memory.Violations.Add($"a descriptor has flags {flags:x4}");
            }

            ushort id = *(ushort*)(slot + 12);
            at++;
            if ((flags & 4) != 0)
            {
                if (elements.Count != 0)
                {
                    Memory.Violations.Add("a table is part of a chain");
                }

                TakeTable(*(ulong*)slot, *(uint*)(slot + 8), elements);
            }
            else
            {
                elements.Add(new Element(*(ulong*)slot, *(uint*)(slot + 8), (flags & 2) != 0));
                if ((flags & 1) != 0)
                {
                    if (elements.Count == Size)
                    {
                        Memory.Violations.Add("a chain is longer than the ring");
                        return null;
                    }

                    continue;
                }
            }

            int descriptors = (int)(at - _takenSlots);
            _takenSlots = at;
            return new TakenBuffer(id, elements.ToArray(), descriptors);
        }
    }

    public override void Use(TakenBuffer buffer, uint length, bool setWrite = false) =>
        WriteUsed(buffer.Id, length, buffer.Descriptors, setWrite);

    public override void UseBatch(IReadOnlyList<TakenBuffer> batch, uint lastLength) =>
        WriteUsed(batch[^1].Id, lastLength, batch.Sum(buffer => buffer.Descriptors));

    public override void WriteUsed(ushort id, uint length, int descriptors, bool setWrite = false)
    {
        WriteIdAndLength(id, length);
        PublishUsed(setWrite);
        _usedSlots += (ulong)descriptors;
    }

    /// <summary>Writes id and length of the next used descriptor without its flags.</summary>
    public void WriteIdAndLength(ushort id, uint length)
    {
        byte* slot = Memory.DeviceWrites(_descriptors + ((uint)UsedSlot * 16), 16);
        *(uint*)(slot + 8) = length;
        *(ushort*)(slot + 12) = id;
    }

    /// <summary>Writes the flags of the next used descriptor, after everything before, and stays where it is.</summary>
    public void PublishUsed(bool setWrite)
    {
        byte* slot = Memory.DeviceWrites(_descriptors + ((uint)UsedSlot * 16), 16);
        ushort flags = (_usedSlots / (ulong)Size) % 2 == 0 ? (ushort)0x8080 : (ushort)0;
        Volatile.Write(ref *(ushort*)(slot + 14), (ushort)(flags | (setWrite ? 2 : 0)));
    }

    /// <summary>Moves on after <see cref="PublishUsed"/>.</summary>
    public void Advance(int descriptors) => _usedSlots += (ulong)descriptors;

    public override bool IsInterruptDue()
    {
        ulong from = _askedSlots;
        _askedSlots = _usedSlots;
        ushort flags = DriverFlags;
        if (flags != 2 || from == _usedSlots)
        {
            return flags != 1 && from != _usedSlots;
        }

        if (!HasEventIndex)
        {
            Memory.Violations.Add("the driver names a descriptor without EVENT_IDX");
        }

        ushort wanted = DriverEventWord;
        for (ulong at = from; at < _usedSlots; at++)
        {
            if (Word(at) == wanted)
            {
                return true;
            }
        }

        return false;
    }

    public override void Scribble(uint bits)
    {
        if ((bits & 7) == 0)
        {
            *(uint*)Memory.Raw(_deviceArea) = bits >> 3;
            return;
        }

        ushort flags = (bits & 8) != 0 ? (ushort)0x8080 : (ushort)(bits >> 16);
        ushort id = (ushort)((bits & 16) != 0 ? bits >> 5 : (bits >> 5) % (uint)Size);
        Forge((int)((bits >> 8) % (uint)Size), id, (bits >> 12) & 3, flags);
    }

    /// <summary>Overwrites any slot with anything, as only a hostile device does.</summary>
    public void Forge(int slot, ushort id, uint length, ushort flags)
    {
        byte* descriptor = Memory.Raw(_descriptors + ((uint)slot * 16));
        *(uint*)(descriptor + 8) = length;
        *(ushort*)(descriptor + 12) = id;
        Volatile.Write(ref *(ushort*)(descriptor + 14), flags);
    }

    private ushort Word(ulong at) =>
        (ushort)((at % (ulong)Size) | ((at / (ulong)Size) % 2 == 0 ? 0x8000UL : 0));

    private void TakeTable(ulong address, uint length, List<Element> elements)
    {
        byte* table = Table(address, length, out int count);
        for (int i = 0; i < count; i++)
        {
            byte* descriptor = table + (i * 16);
            ushort flags = *(ushort*)(descriptor + 14);
            if ((flags & ~2) != 0)
            {
                Memory.Violations.Add($"a descriptor of a table has flags {flags:x4}");
            }

            elements.Add(new Element(*(ulong*)descriptor, *(uint*)(descriptor + 8), (flags & 2) != 0));
        }
    }
}
