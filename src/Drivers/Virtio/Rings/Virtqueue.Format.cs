using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <content>What each format does in its own way, and what it is given for that.</content>
public abstract partial class Virtqueue
{
    private const int Whole = 100;

    private readonly QueueMemory _memory;
    private readonly IndirectTables? _tables;
    private readonly uint _longestTable;
    private readonly bool _isInOrder;
    private readonly bool _isOrderedByPlatform;
    private bool _givesRows;
    private UsedBatch _batch;
    private ulong _announced;
    private uint _wish;
    private int _detachCursor;
    private int _detached;
    private bool _isTakenBack;

    /// <summary>Describes an empty queue.</summary>
    /// <param name="index">The virtqueue index at its device.</param>
    /// <param name="size">The number of descriptors.</param>
    /// <param name="features">How it works.</param>
    /// <param name="memory">Where its areas are.</param>
    /// <param name="records">What it knows of its buffers.</param>
    /// <param name="tables">Tables for chains, or null.</param>
    private protected Virtqueue(
        ushort index,
        ushort size,
        RingFeatures features,
        QueueMemory memory,
        BufferRecords records,
        IndirectTables? tables)
    {
        Index = index;
        Size = size;
        Features = features;
        FreeDescriptors = size;
        IndirectTableLength = tables == null ? 0 : tables.Length;
        HasEventIndex = (features & RingFeatures.EventIdx) != 0;
        _memory = memory;
        Records = records;
        _tables = tables;
        _longestTable = (features & RingFeatures.IndirectDesc) != 0 ? size * TableFormat.DescriptorSize : 0;
        _isInOrder = (features & RingFeatures.InOrder) != 0;
        _givesRows = memory.Memory.IsCoherent && !_isInOrder;
        _isOrderedByPlatform = (features & RingFeatures.OrderPlatform) != 0;
    }

    /// <summary>Whether each side may name the buffer from which on it wants to be notified.</summary>
    private protected bool HasEventIndex { get; }

    /// <summary>What the queue knows of its buffers.</summary>
    private protected BufferRecords Records { get; }

    /// <summary>How many buffers one used element can stand for, where the ring itself tells.</summary>
    private protected virtual int LongestBatch => InFlight;

    /// <summary>Writes a chain into the ring and makes it available. It was checked and there is room.</summary>
    /// <param name="id">The buffer ID that was taken for it.</param>
    /// <param name="readable">What the device reads.</param>
    /// <param name="writable">What the device writes.</param>
    private protected abstract void Publish(
        ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable);

    /// <summary>Writes a descriptor that leads to an indirect table and makes it available.</summary>
    /// <param name="id">The buffer ID that was taken for it.</param>
    /// <param name="table">The table, which is the device's already.</param>
    private protected abstract void PublishTable(ushort id, DmaSegment table);

    /// <summary>
    /// Whether there is a used element that was not passed yet. Something is in flight. Whether it makes sense is found
    /// out by who takes it.
    /// </summary>
    private protected abstract bool LookForUsed();

    /// <summary>Reads the next used element, if there is one. Something is in flight.</summary>
    /// <param name="id">The buffer ID that the device wrote, whatever it is worth.</param>
    /// <param name="length">The length that the device wrote.</param>
    private protected abstract bool TryLoadUsed(out uint id, out uint length);

    /// <summary>Takes the descriptors of a used buffer over from the device and moves past it.</summary>
    /// <param name="id">The buffer; its record is still in flight.</param>
    /// <param name="descriptors">How many descriptors of the ring it takes.</param>
    /// <param name="isSkipped">Whether the device wrote no used element for it, but for a later one.</param>
    private protected abstract void Pass(ushort id, int descriptors, bool isSkipped);

    /// <summary>
    /// Takes used buffers in the usual case: the queue works, there is an element for each, and memory is coherent, so
    /// that nothing is handed over. It does what <see cref="TryLoadUsed"/> and <see cref="Pass"/> do, with less of it
    /// for each buffer.
    /// </summary>
    /// <returns>How many there were.</returns>
    private protected abstract int TakeRow(Span<UsedBuffer> buffers);

    /// <summary>Orders all that was published before a look at whether the device wants to be notified of it.</summary>
    /// <param name="added">How many buffers were added since the last look, at least 1.</param>
    private protected abstract bool IsNotificationWanted(ulong added);

    /// <summary>Asks for an interrupt, and orders that before a later look.</summary>
    /// <param name="percent">After which part of the buffers in flight.</param>
    private protected abstract void AskForInterrupt(int percent);

    /// <summary>Asks for no interrupt.</summary>
    private protected abstract void AskForNoInterrupt();

    /// <summary>Writes which interrupts are wanted to where the device reads it.</summary>
    private protected abstract void StoreWish(uint wish);

    /// <summary>Takes the rings over from a device that was reset.</summary>
    private protected abstract void TakeRingsBack();

    /// <summary>
    /// What a length comes to: no more than was writable. Where nothing was, it means nothing (virtio 1.4, 2.8.4).
    /// </summary>
    private protected static uint Written(uint length, uint writableBytes) => Math.Min(length, writableBytes);

    /// <summary>Looks at a used element that is not of the usual kind.</summary>
    /// <param name="id">The buffer ID; if the queue has no such buffer in flight, it is broken.</param>
    /// <returns>Whether it can be taken all the same, once <see cref="Written"/> has cut its length.</returns>
    /// <remarks>
    /// A length beyond what was writable is wrong, but known devices write it: kvmtool counts the bytes that it read
    /// from the buffer. Once it is cut it can do no harm, so it breaks no queue.
    /// </remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool CanClamp(uint id)
    {
        if (!Records.IsKnown(id))
        {
            MarkBroken(Records.Explain(id));
            return false;
        }

        LengthsClamped++;
        return true;
    }

    /// <summary>A full barrier of the strength that was negotiated (virtio 1.4, 6.1).</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected void FullBarrier(AccessSite site)
    {
        Barriers.Full(site);
        if (_isOrderedByPlatform)
        {
            Barriers.ForDevice(site);
        }
    }

    /// <summary>Records the first fault, and takes and gives nothing from here on.</summary>
    private protected void MarkBroken(QueueFault fault)
    {
        Fault = fault;
        End();
    }

    /// <summary>Takes and gives nothing from here on.</summary>
    private void End()
    {
        _isUsable = false;
        _givesRows = false;
    }
}
