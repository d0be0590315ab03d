using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <content>How buffers go to the device and come back, in the same steps in both formats.</content>
public abstract partial class Virtqueue
{
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private AddStatus Add(ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable, int token)
    {
        // Everything is checked before the first store: a later slot of a packed chain that was given up would carry
        // flags that make it available as soon as the device reaches it behind some other buffer.
        int segments = readable.Length + writable.Length;
        long writableBytes = BufferShape.Measure(readable, writable);
        if (segments == 0 || (uint)segments > Size || writableBytes == BufferShape.Invalid)
        {
            return AddStatus.Invalid;
        }

        bool isIndirect = segments > 1 && segments <= IndirectTableLength;
        if (FreeDescriptors < (isIndirect ? 1 : segments))
        {
            return AddStatus.Full;
        }

        if (isIndirect)
        {
            ushort id = Take(1, segments, (uint)writableBytes, token);
            PublishTable(id, _tables!.Store(id, readable, writable));
        }
        else
        {
            Publish(Take(segments, 0, (uint)writableBytes, token), readable, writable);
        }

        Added++;
        return AddStatus.Ok;
    }

    /// <summary>
    /// Whether a table of the caller's own can be added now: the queue works, has room, and knows such tables.
    /// </summary>
    /// <param name="length">The length of the table in bytes.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool CanAddTable(uint length) =>
        _isUsable && FreeDescriptors != 0 && length - 1 < _longestTable && length % TableFormat.DescriptorSize == 0;

    /// <summary>
    /// Does what <see cref="TryAddTable"/> does, for a caller that asked <see cref="CanAddTable"/> before it wrote the
    /// table.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void AddTable(DmaSegment table, uint writableBytes, int token)
    {
        _owner.Enter();
        PublishTable(Take(1, 0, writableBytes, token), table);
        Added++;
        _owner.Leave();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private ushort Take(int descriptors, int tableLength, uint writableBytes, int token)
    {
        FreeDescriptors -= descriptors;
        return Records.Take(descriptors, tableLength, writableBytes, token, (ushort)Added);
    }

    /// <summary>Takes used buffers, whatever that takes.</summary>
    private protected int TakeOneByOne(Span<UsedBuffer> buffers)
    {
        int count = 0;
        while (count < buffers.Length && _isUsable && TakeUsed(ref buffers[count]))
        {
            count++;
        }

        return count;
    }

    private bool TakeUsed(ref UsedBuffer buffer)
    {
        if (_batch.Remaining != 0)
        {
            TakeFromBatch(ref buffer);
            return true;
        }

        // With nothing in flight no element is the device's to write, and there is nothing to look for.
        if (FreeDescriptors == Size || !TryLoadUsed(out uint id, out uint length))
        {
            return false;
        }

        if (!Records.IsUsual(id, length) && !CanClamp(id))
        {
            return false;
        }

        if (_isInOrder && id != Records.Oldest)
        {
            return TryTakeBatch((ushort)id, length, ref buffer);
        }

        uint writableBytes = EndFlight((ushort)id, isSkipped: false, ref buffer);
        buffer.WrittenBytes = Written(length, writableBytes);
        return true;
    }

    /// <summary>
    /// Takes the first of several buffers for which an in-order device wrote one used element, that of the last (virtio
    /// 1.4, 2.7.9 and 2.8.8).
    /// </summary>
    private bool TryTakeBatch(ushort lastId, uint lastLength, ref UsedBuffer buffer)
    {
        int count = (ushort)(Records[lastId].Sequence - (ushort)Used) + 1;
        if (count > LongestBatch)
        {
            MarkBroken(QueueFault.BatchBeyondIndex);
            return false;
        }

        _batch = new UsedBatch(lastId, Written(lastLength, Records[lastId].WritableBytes), count);
        TakeFromBatch(ref buffer);
        return true;
    }

    /// <summary>Takes the oldest buffer of a batch. Those before its last were used completely.</summary>
    private void TakeFromBatch(ref UsedBuffer buffer)
    {
        ushort id = Records.Oldest;
        uint writableBytes = EndFlight(id, isSkipped: !_batch.IsAtStart, ref buffer);
        buffer.WrittenBytes = _batch.Take(id, writableBytes);
    }

    /// <summary>Takes everything of a used buffer over from the device.</summary>
    /// <returns>How many bytes the device might have written.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private uint EndFlight(ushort id, bool isSkipped, ref UsedBuffer buffer)
    {
        ref BufferRecord record = ref Records[id];
        if (record.TableLength != 0)
        {
            _tables!.SyncFromDevice(id, record.TableLength);
        }

        int descriptors = record.Descriptors;
        Pass(id, descriptors, isSkipped);
        FreeDescriptors += descriptors;
        Records.Return(id, ref record);
        Used++;
        buffer.Token = record.Token;
        buffer.BufferId = id;
        return record.WritableBytes;
    }

    /// <summary>Takes everything over that a device had when it was reset, once.</summary>
    private void TakeLeftBack()
    {
        if (_isTakenBack)
        {
            return;
        }

        _isTakenBack = true;
        TakeRingsBack();
        for (int id = 0; Records.TryFindInFlight(ref id); id++)
        {
            int tableLength = Records[(uint)id].TableLength;
            if (tableLength != 0)
            {
                _tables!.SyncLeftFromDevice((ushort)id, tableLength);
            }
        }
    }
}
