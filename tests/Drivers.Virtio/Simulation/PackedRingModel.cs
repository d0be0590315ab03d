using System.Collections.Generic;
using System.Threading;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>
/// The device's side of a packed ring, from the text of virtio 1.4, 2.8. It takes buffers in ring order and gives them
/// back in any order, in batches or one by one, and can break every rule on request.
/// </summary>
internal sealed unsafe class PackedRingModel
{
    private readonly SimulatedMemory _memory;
    private readonly ulong _descriptors;
    private readonly ulong _driverArea;
    private readonly ulong _deviceArea;

    // Counted without end: slot = count mod size, wrap counter = 1 for an even number of rounds.
    private ulong _takenSlots;
    private ulong _usedSlots;

    public PackedRingModel(SimulatedMemory memory, ulong descriptors, ulong driverArea, ulong deviceArea, int size)
    {
        _memory = memory;
        _descriptors = descriptors;
        _driverArea = driverArea;
        _deviceArea = deviceArea;
        Size = size;
    }

    public int Size { get; }

    /// <summary>The slot in which the next used descriptor is due.</summary>
    public int UsedSlot => (int)(_usedSlots % (ulong)Size);

    /// <summary>Whether the driver wants used buffer notifications.</summary>
    public bool DriverWantsInterrupts => *(ushort*)(_memory.DeviceReads(_driverArea, 4) + 2) != 1;

    /// <summary>
    /// What the device writes into its event suppression flags: 0 enable, 1 disable, 2 and 3 reserved here.
    /// </summary>
    public void SetNotificationFlags(ushort flags) =>
        Volatile.Write(ref *(ushort*)(_memory.DeviceWrites(_deviceArea, 4) + 2), flags);

    /// <summary>Takes the next available buffer, if there is one.</summary>
    public TakenBuffer? TryTake()
    {
        ulong at = _takenSlots;
        List<Element> elements = new List<Element>();
        while (true)
        {
            byte* slot = _memory.DeviceReads(_descriptors + ((at % (ulong)Size) * 16), 16);
            ushort flags = Volatile.Read(ref *(ushort*)(slot + 14));
            bool counter = (at / (ulong)Size) % 2 == 0;
            bool available = ((flags & 0x80) != 0) == counter && ((flags & 0x8000) != 0) != counter;
            if (!available)
            {
                if (elements.Count != 0)
                {
                    _memory.Violations.Add("a chain is available in part");
                }

                return null;
            }

            if ((flags & ~(0x8080 | 3)) != 0)
            {
                _memory.Violations.Add($"a descriptor has flags {flags:x4}");
            }

            elements.Add(new Element(*(ulong*)slot, *(uint*)(slot + 8), (flags & 2) != 0));
            at++;
            if ((flags & 1) != 0)
            {
                if (elements.Count == Size)
                {
                    _memory.Violations.Add("a chain is longer than the ring");
                    return null;
                }

                continue;
            }

            _takenSlots = at;
            return new TakenBuffer(*(ushort*)(slot + 12), elements.ToArray());
        }
    }

    /// <summary>Gives a buffer back. QEMU never sets WRITE; others do.</summary>
    public void Use(TakenBuffer buffer, uint length, bool setWrite = false) =>
        WriteUsed(buffer.Id, length, buffer.Elements.Length, setWrite);

    /// <summary>Writes a used descriptor with whatever content and moves on.</summary>
    public void WriteUsed(ushort id, uint length, int descriptors, bool setWrite = false)
    {
        WriteIdAndLength(id, length);
        PublishUsed(setWrite);
        _usedSlots += (ulong)descriptors;
    }

    /// <summary>Writes id and length of the next used descriptor without its flags.</summary>
    public void WriteIdAndLength(ushort id, uint length)
    {
        byte* slot = _memory.DeviceWrites(_descriptors + ((uint)UsedSlot * 16), 16);
        *(uint*)(slot + 8) = length;
        *(ushort*)(slot + 12) = id;
    }

    /// <summary>Writes the flags of the next used descriptor, after everything before, and stays where it is.</summary>
    public void PublishUsed(bool setWrite)
    {
        byte* slot = _memory.DeviceWrites(_descriptors + ((uint)UsedSlot * 16), 16);
        ushort flags = (_usedSlots / (ulong)Size) % 2 == 0 ? (ushort)0x8080 : (ushort)0;
        Volatile.Write(ref *(ushort*)(slot + 14), (ushort)(flags | (setWrite ? 2 : 0)));
    }

    /// <summary>Moves on after <see cref="PublishUsed"/>.</summary>
    public void Advance(int descriptors) => _usedSlots += (ulong)descriptors;

    /// <summary>Overwrites any slot with anything, as only a hostile device does.</summary>
    public void Forge(int slot, ushort id, uint length, ushort flags)
    {
        byte* descriptor = _memory.Raw(_descriptors + ((uint)slot * 16));
        *(uint*)(descriptor + 8) = length;
        *(ushort*)(descriptor + 12) = id;
        Volatile.Write(ref *(ushort*)(descriptor + 14), flags);
    }
}
