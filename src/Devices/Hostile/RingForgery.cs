using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Memory;

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
        if (!queue.IsEnabled)
        {
            return;
        }

        if (isPacked)
        {
            ForgePacked(queue);
        }
        else
        {
            ForgeSplit(queue);
        }
    }

    private void ForgePacked(ModelQueue queue)
    {
        Span<byte> bytes = stackalloc byte[DescriptorLength];
        ulong slot = queue.Areas.Descriptor + (ulong)(_random.Below(queue.Size) * DescriptorLength);
        switch (_random.Below(8))
        {
            case 0:
                Noise(queue.Areas.Device, bytes[..4]);
                break;
            case 1:
                Noise(queue.Areas.Driver, bytes[..4]);
                break;
            case 2:
                Noise(slot, bytes);
                break;
            default:
                // A used descriptor of either round.
                int flags = _random.Chance(90) ? (_random.Chance(60) ? 0x8080 : 0) : (int)_random.Bits();
                flags |= _random.Chance(20) ? _random.Below(8) : 0;
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, Length());
                BinaryPrimitives.WriteUInt16LittleEndian(bytes[4..], (ushort)Id(queue));
                BinaryPrimitives.WriteUInt16LittleEndian(bytes[6..], (ushort)flags);
                _memory.TryWrite(slot + 8, bytes[..8]);
                break;
        }
    }

    private void ForgeSplit(ModelQueue queue)
    {
        Span<byte> bytes = stackalloc byte[DescriptorLength];
        ulong element = queue.Areas.Device + 4 + (ulong)(_random.Below(queue.Size) * UsedElementLength);
        switch (_random.Below(10))
        {
            case 0:
                Noise(queue.Areas.Device, bytes[..2]);
                break;
            case 1:
                Noise(queue.Areas.Device + 4 + (ulong)(queue.Size * UsedElementLength), bytes[..2]);
                break;
            case 2:
                Noise(queue.Areas.Driver + (ulong)_random.Below(4 + (2 * queue.Size)), bytes[..2]);
                break;
            case 3:
                Noise(
                    queue.Areas.Descriptor + (ulong)(_random.Below(queue.Size) * DescriptorLength), bytes);
                break;
            case 4:
                Noise(queue.Areas.Device + 2, bytes[..2]);
                break;
            case 5 or 6:
                _memory.TryRead(queue.Areas.Device + 2, bytes[..2]);
                int index = BinaryPrimitives.ReadUInt16LittleEndian(bytes) + _random.Below(4);
                BinaryPrimitives.WriteUInt16LittleEndian(bytes, (ushort)index);
                _memory.TryWrite(queue.Areas.Device + 2, bytes[..2]);
                break;
            default:
                BinaryPrimitives.WriteUInt32LittleEndian(bytes, Id(queue));
                BinaryPrimitives.WriteUInt32LittleEndian(bytes[4..], Length());
                _memory.TryWrite(element, bytes[..8]);
                break;
        }
    }

    private uint Id(ModelQueue queue) => _random.Chance(85) ? (uint)_random.Below(queue.Size) : _random.Edge();

    private uint Length() => _random.Chance(50) ? (uint)_random.Below(600) : _random.Edge();

    private void Noise(ulong address, Span<byte> bytes)
    {
        _random.Fill(bytes);
        _memory.TryWrite(address, bytes);
    }
}
