using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Split;

/// <summary>A split virtqueue (virtio 1.4, 2.7).</summary>
/// <remarks>
/// <para>
/// A buffer's ID is the first descriptor of its chain. Which descriptors follow is known from private records: the
/// descriptor table is written and never read.
/// </para>
/// <para>
/// Both rings have an entry for each buffer, so that their indices are how many buffers were added and used, modulo
/// 65536.
/// </para>
/// <para>See <see cref="Virtqueue"/> for the contract.</para>
/// </remarks>
public sealed class SplitVirtqueue : Virtqueue
{
    private readonly SplitDescriptorTable _descriptors;
    private readonly AvailableRing _availableRing;
    private readonly UsedRing _usedRing;
    private readonly uint _mask;
    private ushort _usedIndex;

    /// <summary>Creates an empty queue; the parameters were checked.</summary>
    internal SplitVirtqueue(
        ushort index, ushort size, Features features, QueueMemory memory, PreparedChains? chains)
        : base(
            index,
            size,
            features,
            memory,
            new BufferRecords(size, areDescriptors: true, (features & Features.InOrder) != 0),
            chains)
    {
        _mask = size - 1u;
        _descriptors = new SplitDescriptorTable(memory.Memory);
        _availableRing = new AvailableRing(memory.Memory, memory.DriverArea, size, HasEventIndex);
        _usedRing = new UsedRing(memory.Memory, memory.DeviceArea, size, HasEventIndex);
        _availableRing.SyncInitially();
        _usedRing.SyncInitially();
    }

    /// <inheritdoc/>
    public override string Format => "split";

    /// <inheritdoc/>
    public override ushort NextAvailable => (ushort)Added;

    /// <inheritdoc/>
    private protected override int LongestBatch => (ushort)(_usedIndex - UsedIndex);

    /// <summary>The index that the next used element will have.</summary>
    private ushort UsedIndex => (ushort)Used;

    /// <inheritdoc/>
    private protected override void Publish(
        ushort id, ReadOnlySpan<DmaSegment> readable, ReadOnlySpan<DmaSegment> writable)
    {
        ushort descriptor = id;
        int left = readable.Length + writable.Length;
        for (int i = 0; i < readable.Length; i++)
        {
            descriptor = StoreDescriptor(descriptor, readable[i], 0, --left);
        }

        for (int i = 0; i < writable.Length; i++)
        {
            descriptor = StoreDescriptor(descriptor, writable[i], DescriptorFlags.Write, --left);
        }

        PublishEntry(id, readable.Length + writable.Length);
    }

    /// <inheritdoc/>
    private protected override void PublishTable(ushort id, DmaSegment table)
    {
        _descriptors.Store(id, table, DescriptorFlags.Indirect, 0);
        PublishEntry(id, 1);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void PublishPlain(ushort id, in DmaSegment segment, ushort flags)
    {
        _descriptors.Store(id, segment, flags, 0);
        ushort index = (ushort)Added;
        _availableRing.PublishCoherent(index & _mask, id, (ushort)(index + 1));
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override bool LookForUsed() => _usedIndex != UsedIndex || _usedRing.LoadIndex() != UsedIndex;

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override bool TryLoadUsed(out uint id, out uint length)
    {
        if (_usedIndex == UsedIndex && !TryAccept(_usedRing.LoadIndex()))
        {
            id = 0;
            length = 0;
            return false;
        }

        id = _usedRing.LoadElement(UsedIndex & _mask, out length);
        return true;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void AdvanceUsed(ushort id, int descriptors, bool isSkipped)
    {
        if (!IsCoherent)
        {
            TakeDescriptorsOver(id, descriptors);
        }
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override int TakePlain(Span<UsedBuffer> buffers, ref uint anyTrailer)
    {
        // What TryLoadUsed does, without the hand-overs in it that have nothing to do here.
        BufferRecords all = Records;
        BufferRecord[] records = all.All;
        int count = 0;
        for (; count < buffers.Length; count++)
        {
            if (_usedIndex == UsedIndex && !TryAccept(_usedRing.LoadCoherentIndex()))
            {
                break;
            }

            uint id = _usedRing.LoadCoherentElement(UsedIndex & _mask, out uint length);
            uint descriptors = 0;
            if (!BufferRecords.IsUsual(records, id, ref length, ref descriptors))
            {
                RememberFound();
                break;
            }

            ref BufferRecord record = ref records[id];
            FreeDescriptors += (int)descriptors;
            if (descriptors == 1)
            {
                all.Return((ushort)id, ref record, ref record);
            }
            else
            {
                all.ReturnChain((ushort)id);
            }

            // How many were used is where the next element is, so that there is nothing else to move on.
            Used++;
            byte trailer = Trailers[id];
            anyTrailer |= trailer;
            buffers[count] = new UsedBuffer(record.Token, length, (ushort)id, trailer);
        }

        return count;
    }

    /// <inheritdoc/>
    private protected override int TakePlainTokens(Span<int> tokens)
    {
        BufferRecords all = Records;
        BufferRecord[] records = all.All;
        int count = 0;
        for (; count < tokens.Length; count++)
        {
            if (_usedIndex == UsedIndex && !TryAccept(_usedRing.LoadCoherentIndex()))
            {
                break;
            }

            uint id = _usedRing.LoadCoherentElement(UsedIndex & _mask, out _);
            if (!BufferRecords.IsKnown(records, id))
            {
                RememberFound();
                break;
            }

            ref BufferRecord record = ref records[id];
            uint descriptors = record.Descriptors;
            FreeDescriptors += (int)descriptors;
            if (descriptors == 1)
            {
                all.Return((ushort)id, ref record, ref record);
            }
            else
            {
                all.ReturnChain((ushort)id);
            }

            Used++;
            tokens[count] = record.Token;
        }

        return count;
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override bool IsNotificationWanted(ulong added)
    {
        // The published index must be visible before the look: else the device could find the ring empty, ask for
        // notifications and sleep, while the driver still sees that it wants none (virtio 1.4, 2.7.13.4.1).
        FullBarrier(SplitSites.NotificationBarrier);
        return IsCoherent ? IsWanted(_usedRing.LoadCoherentSuppression(), added) : TakeSuppressionOver(added);
    }

    /// <inheritdoc/>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private protected override void AskForInterrupt(int percent)
    {
        uint wanted = 0;
        if (HasEventIndex)
        {
            wanted = (ushort)(UsedIndex + (percent == 0 ? 0 : DelayOf(InFlight, percent)));
        }

        ChangeSuppression(wanted);

        // The other half of the same race: a buffer used before the device saw that brings no interrupt, so it has
        // to show in the look behind this (virtio 1.4, 2.7.14).
        FullBarrier(SplitSites.InterruptBarrier);
    }

    /// <inheritdoc/>
    /// <remarks>
    /// With EVENT_IDX there is no way to say never. The entry behind the last one is 65535 entries away, which is as
    /// far as it goes.
    /// </remarks>
    private protected override void AskForNoInterrupt() =>
        ChangeSuppression(HasEventIndex ? (ushort)(UsedIndex - 1) : AvailableRing.NoInterrupt);

    /// <inheritdoc/>
    private protected override void StoreSuppression(uint value) => _availableRing.StoreSuppression((ushort)value);

    /// <inheritdoc/>
    private protected override void TakeRingsBack()
    {
        _availableRing.SyncLeftFromDevice();
        _usedRing.SyncLeftFromDevice();
        for (int id = 0; Records.TryFindInFlight(ref id); id++)
        {
            ushort descriptor = (ushort)id;
            int count = Records[descriptor].Descriptors;
            for (int i = 0; i < count; i++)
            {
                _descriptors.SyncLeftFromDevice(descriptor);
                descriptor = Records[descriptor].Next;
            }
        }
    }

    /// <summary>Whether the index of the used ring, just read, counts a buffer that was not taken yet.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool TryAccept(ushort index)
    {
        if ((ushort)(index - UsedIndex) > InFlight)
        {
            MarkBroken(QueueFault.IndexBeyondInFlight);
            return false;
        }

        _usedIndex = index;
        return index != UsedIndex;
    }

    /// <summary>Writes one of the descriptors that were taken for a chain, with so many behind it.</summary>
    /// <returns>The descriptor behind it.</returns>
    private ushort StoreDescriptor(ushort descriptor, in DmaSegment segment, ushort flags, int left)
    {
        ushort next = Records[descriptor].Next;
        if (left == 0)
        {
            _descriptors.Store(descriptor, segment, flags, 0);
        }
        else
        {
            _descriptors.Store(descriptor, segment, (ushort)(flags | DescriptorFlags.Next), next);
        }

        return next;
    }

    /// <summary>Whether the device asks to be notified of the newest buffers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private bool IsWanted(ushort suppression, ulong added) =>
        HasEventIndex ? EventIndex.Split(suppression, (ushort)Added, added) : (suppression & UsedRing.NoNotify) == 0;

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private bool TakeSuppressionOver(ulong added) => IsWanted(_usedRing.LoadSuppression(), added);

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void TakeDescriptorsOver(ushort descriptor, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _descriptors.SyncFromDevice(descriptor);
            descriptor = Records[descriptor].Next;
        }
    }

    /// <summary>Puts a chain into the available ring and counts it there.</summary>
    /// <param name="head">Its first descriptor.</param>
    /// <param name="descriptors">How many it has.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void PublishEntry(ushort head, int descriptors)
    {
        ushort index = (ushort)Added;
        if (IsCoherent)
        {
            _availableRing.PublishCoherent(index & _mask, head, (ushort)(index + 1));
        }
        else
        {
            HandDescriptorsOver(head, descriptors);
            _availableRing.Publish(index & _mask, head, (ushort)(index + 1));
        }
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandDescriptorsOver(ushort descriptor, int count)
    {
        for (int i = 0; i < count; i++)
        {
            _descriptors.SyncToDevice(descriptor);
            descriptor = Records[descriptor].Next;
        }
    }
}
