using System;
using System.Collections.Generic;

namespace VirtioGuest.Devices.Rings;

/// <summary>What a device has finished on one queue and not yet given back.</summary>
/// <remarks>
/// Buffers that make up one request together, as a received frame over several buffers does, are chosen, used and
/// published together (virtio 1.4, 2.8.9).
/// </remarks>
internal sealed class FinishedBuffers
{
    private readonly DeviceQueue _queue;
    private readonly List<Group> _groups = new List<Group>();
    private ulong _next;

    public FinishedBuffers(DeviceQueue queue)
    {
        _queue = queue;
    }

    public int Count => _groups.Count;

    /// <summary>The length that the driver is told instead of what was written; null for the truth.</summary>
    public uint? ForcedLength { get; set; }

    /// <summary>Adds a request; its buffers were taken one after another.</summary>
    public void Add(IReadOnlyList<FinishedBuffer> buffers)
    {
        FinishedBuffer[] copy = new FinishedBuffer[buffers.Count];
        for (int i = 0; i < copy.Length; i++)
        {
            copy[i] = buffers[i];
        }

        // By age, so that a prefix of the list is what may be used in order.
        int at = _groups.Count;
        while (at > 0 && _groups[at - 1].First > copy[0].Chain.Sequence)
        {
            at--;
        }

        _groups.Insert(at, new Group(copy));
    }

    /// <summary>Uses and publishes what the policy chooses.</summary>
    /// <param name="policy">Who chooses; null for all, the oldest first.</param>
    /// <param name="isIdle">Whether there is nothing more to work on.</param>
    /// <param name="isNotificationWanted">Whether the driver wants to know.</param>
    /// <returns>How many buffers were used.</returns>
    public int Use(CompletionPolicy? policy, bool isIdle, out bool isNotificationWanted)
    {
        isNotificationWanted = false;
        int available = _queue.IsInOrder ? CountInOrder() : _groups.Count;
        if (available == 0)
        {
            return 0;
        }

        int count = policy == null ? available : Math.Clamp(policy.Count(available, isIdle), 0, available);
        int buffers = 0;
        for (int i = 0; i < count; i++)
        {
            bool picks = policy != null && !_queue.IsInOrder;
            int index = picks ? Math.Clamp(policy!.Pick(_groups.Count), 0, _groups.Count - 1) : 0;
            Group group = _groups[index];
            _groups.RemoveAt(index);
            Push(group, policy);
            _next = group.Last + 1;
            buffers += group.Buffers.Length;
        }

        isNotificationWanted = _queue.Publish(policy == null || policy.Merges);
        return buffers;
    }

    private void Push(Group group, CompletionPolicy? policy)
    {
        foreach (FinishedBuffer buffer in group.Buffers)
        {
            uint length = buffer.Written;
            bool mayShorten = policy != null && buffer.MayShorten;
            length = mayShorten ? Math.Min(policy!.Length(length), length) : length;
            _queue.Push(buffer.Chain, length, ForcedLength);
        }
    }

    private int CountInOrder()
    {
        int count = 0;
        ulong next = _next;
        while (count < _groups.Count && _groups[count].First == next)
        {
            next = _groups[count].Last + 1;
            count++;
        }

        return count;
    }

    private sealed class Group
    {
        public Group(FinishedBuffer[] buffers)
        {
            Buffers = buffers;
        }

        public FinishedBuffer[] Buffers { get; }

        public ulong First => Buffers[0].Chain.Sequence;

        public ulong Last => Buffers[^1].Chain.Sequence;
    }
}

/// <summary>A buffer that a device is done with.</summary>
/// <param name="Chain">The buffer.</param>
/// <param name="Written">How many bytes of its writable part were written, from the start.</param>
/// <param name="MayShorten">Whether the driver may be told of fewer, because it can tell the length otherwise.</param>
public readonly record struct FinishedBuffer(DeviceChain Chain, uint Written, bool MayShorten);
