using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Block;

/// <content>The way of one request, beside the shortest.</content>
public sealed partial class VirtioBlock
{
    /// <summary>Takes back what the device of a running driver has used, up to a batch.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private int DrainUsed(Span<BlockCompletion> completions)
    {
        BlockRequestSlots slots = _slots!;
        Virtqueue queue = Requests;
        Span<UsedBuffer> used = ArrayPart.Of(_used, Math.Min(completions.Length, DrainBatch));
        int count = queue.GetUsed(used);
        used = used.Slice(0, count);
        slots.TakeBack(used);
        for (int i = 0; i < used.Length && i < completions.Length; i++)
        {
            BlockStatus status = slots.StatusOf(used[i].BufferId);
            completions[i] = new BlockCompletion(used[i].Token, status);
            _errors += status == BlockStatus.Ok ? 0UL : 1;
        }

        if (queue.Fault != QueueFault.None)
        {
            CheckFault(queue);
        }

        return count;
    }

    /// <summary>Takes back what there is where a queue was reset, or where the device does not run.</summary>
    private int DrainInTrouble(Span<BlockCompletion> completions)
    {
        int count = 0;
        while (_abortedCount != 0 && count < completions.Length)
        {
            completions[count++] = new BlockCompletion(_aborted[--_abortedCount], BlockStatus.Aborted);
        }

        if (_slots == null)
        {
            return count;
        }

        if (State is DeviceState.Stopped or DeviceState.Abandoned)
        {
            return count + DrainStopped(completions.Slice(count));
        }

        int taken;
        do
        {
            taken = DrainUsed(completions.Slice(count));
            count += taken;
        }
        while (taken == DrainBatch);
        return count;
    }

    private int DrainStopped(Span<BlockCompletion> completions)
    {
        BlockStatus status = State == DeviceState.Stopped ? BlockStatus.Aborted : BlockStatus.Abandoned;
        int count = 0;
        while (count < completions.Length && Requests.TryDetach(out int token))
        {
            completions[count++] = new BlockCompletion(token, status);
            _errors++;
        }

        return count;
    }

    /// <summary>Submits any request, or says why not.</summary>
    private SubmitStatus SubmitChain(BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        if (State != DeviceState.Running)
        {
            return SubmitStatus.NotRunning;
        }

        SubmitStatus status = BlockRequestRules.Check(this, operation, sector, data);
        if (status != SubmitStatus.Ok)
        {
            return status;
        }

        Virtqueue queue = Requests;
        int segments = data.Length + FixedDescriptors;
        if (!queue.HasRoom(segments))
        {
            return SubmitStatus.Full;
        }

        BlockRequestSlots slots = _slots!;
        int slot = queue.NextBufferId;
        slots.Prepare(slot, operation, operation == BlockOperation.Flush ? 0 : sector);
        int readable = operation == BlockOperation.Write ? segments - 1 : 1;
        Span<DmaSegment> chain = ArrayPart.Of(_chain, segments);
        chain[0] = slots.Header(slot);
        for (int i = 0; i < data.Length; i++)
        {
            chain[i + 1] = data[i];
        }

        chain[segments - 1] = slots.Status(slot);
        AddStatus added = queue.TryAdd(chain.Slice(0, readable), chain.Slice(readable), token);
        if (added != AddStatus.Ok)
        {
            // Its form was checked, so only a total of 4 GiB and more makes it invalid.
            slots.TakeBack(slot);
            return added == AddStatus.Full ? SubmitStatus.Full : SubmitStatus.Invalid;
        }

        Count(operation);
        return SubmitStatus.Ok;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private void Count(BlockOperation operation)
    {
        if (operation == BlockOperation.Read)
        {
            _reads++;
        }
        else if (operation == BlockOperation.Write)
        {
            _writes++;
        }
        else
        {
            _flushes++;
        }
    }
}
