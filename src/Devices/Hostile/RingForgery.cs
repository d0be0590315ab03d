using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Hostile;

/// <summary>
/// Writes into a queue's memory what no conforming device writes: used entries, IDs, lengths, flags, indices, events,
/// and whatever is the driver's alone.
/// </summary>
public sealed class RingForgery
{
    private const int DescriptorLength = 16;
    private const int UsedElementLength = 8;

    private readonly GuestMemory _memory;
    private readonly SeededRandom _random;

    /// <summary>Forges rings in a memory.</summary>
    public RingForgery(GuestMemory memory, SeededRandom random)
    {
        _memory = memory;
        _random = random;
    }

    /// <summary>Writes one thing into an enabled queue.</summary>
    /// <param name="queue">The queue; nothing happens to one that is not enabled.</param>
    /// <param name="isPacked">The format of its ring.</param>
    public void Forge(ModelQueue queue, bool isPacked)
    {
        if (queue.IsEnabled)
        {
            Forge(queue.Areas, queue.Size, isPacked);
        }
    }

    /// <summary>Writes one thing into a queue.</summary>
    /// <param name="areas">Where its parts are.</param>
    /// <param name="size">How many descriptors it has.</param>
    /// <param name="isPacked">The format of its ring.</param>
    public void Forge(QueueAreas areas, int size, bool isPacked)
    {
        if (isPacked)
        {
            ForgePacked(areas, size);
        }
        else
        {
            ForgeSplit(areas, size);
        }
    }

    private void ForgePacked(QueueAreas areas, int size)
    {
        Span<byte> bytes = stackalloc byte[DescriptorLength];
        ulong slot = areas.Descriptor + (ulong)(_random.Below(size) * DescriptorLength);
        switch (_random.Below(8))
        {
            case 0:
                Noise(areas.Device, bytes[..4]);
                break;
            case 1:
                Noise(areas.Driver, bytes[..4]);
                break;
            case 2:
                Noise(slot, bytes);
                break;
            default:
                // A used descriptor of either round.
                int flags = _random.Chance(90) ? (_random.Chance(60) ? 0x8080 : 0) : (int)_random.Bits();
                flags |= _random.Chance(20) ? _random.Below(8) : 0;
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, Length());
                BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], (ushort)Id(size));
                BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], (ushort)flags);
                _memory.TryWrite(slot + 8, bytes[..8]);
                break;
        }
    }

    private void ForgeSplit(QueueAreas areas, int size)
    {
        Span<byte> bytes = stackalloc byte[DescriptorLength];
        ulong element = areas.Device + 4 + (ulong)(_random.Below(size) * UsedElementLength);
        switch (_random.Below(10))
        {
            case 0:
                Noise(areas.Device, bytes[..2]);
                break;
            case 1:
                Noise(areas.Device + 4 + (ulong)(size * UsedElementLength), bytes[..2]);
                break;
            case 2:
                Noise(areas.Driver + (ulong)_random.Below(4 + (2 * size)), bytes[..2]);
                break;
            case 3:
                Noise(
                    areas.Descriptor + (ulong)(_random.Below(size) * DescriptorLength), bytes);
                break;
            case 4:
                Noise(areas.Device + 2, bytes[..2]);
                break;
            case 5 or 6:
                _memory.TryRead(areas.Device + 2, bytes[..2]);
                int index = BinaryPrimitives.ReadUInt16LittleEndian(bytes) + _random.Below(4);
                BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)index);
                _memory.TryWrite(areas.Device + 2, bytes[..2]);
                break;
            default:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, Id(size));
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Length());
                _memory.TryWrite(element, bytes[..8]);
                break;
        }
    }

    private uint Id(int size) => _random.Chance(85) ? (uint)_random.Below(size) : _random.Edge();

    private uint Length() => _random.Chance(50) ? (uint)_random.Below(600) : _random.Edge();

    private void Noise(ulong address, Span<byte> bytes)
    {
        _random.Fill(bytes);
        _memory.TryWrite(address, bytes);
    }
}
