using System;
using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Block;

/// <content>The way of one request, beside the shortest.</content>
public sealed partial class VirtioBlock
{
    private void Finish(BlockRequestSlots slots, ReadOnlySpan<UsedBuffer> used, Span<BlockCompletion> completions)
    {
        slots.TakeBack(used);
        for (int i = 0; i < used.Length && i < completions.Length; i++)
        {
            BlockStatus status = slots.Finish(used[i].Token, out int token);
            completions[i] = new BlockCompletion(token, status);
            _errors += status == BlockStatus.Ok ? 0UL : 1;
        }
    }

    private int DrainStopped(BlockRequestSlots slots, Span<BlockCompletion> completions)
    {
        BlockStatus status = State == DeviceState.Stopped ? BlockStatus.Aborted : BlockStatus.Abandoned;
        int count = 0;
        while (count < completions.Length && Requests.TryDetach(out int slot))
        {
            completions[count++] = new BlockCompletion(slots.Release(slot), status);
            _errors++;
        }

        return count;
    }

    /// <summary>Submits any request, or says why not.</summary>
    private SubmitStatus SubmitChain(
        BlockRequestSlots slots, BlockOperation operation, ulong sector, ReadOnlySpan<DmaSegment> data, int token)
    {
        SubmitStatus status = BlockRequestRules.Check(this, operation, sector, data);
        if (status != SubmitStatus.Ok)
        {
            return status;
        }

        Virtqueue queue = Requests;
        int segments = data.Length + FixedDescriptors;
        if (!queue.HasRoom(segments) || !slots.HasFree)
        {
            return SubmitStatus.Full;
        }

        int slot = slots.Take(token);
        slots.Prepare(slot, operation, operation == BlockOperation.Flush ? 0 : sector);
        int readable = operation == BlockOperation.Write ? segments - 1 : 1;
        Span<DmaSegment> chain = new Span<DmaSegment>(_chain, 0, segments);
        chain[0] = slots.Header(slot);
        data.CopyTo(chain.Slice(1));
        chain[segments - 1] = slots.Status(slot);
        AddStatus added = queue.TryAdd(chain.Slice(0, readable), chain.Slice(readable), slot);
        if (added != AddStatus.Ok)
        {
            return GiveBack(slots, slot, added);
        }

        Count(operation);
        return SubmitStatus.Ok;
    }

    /// <summary>
    /// Gives back what a request was given that the queue did not take. Its form was checked, so only a total of 4 GiB
    /// and more makes it invalid.
    /// </summary>
    private static SubmitStatus GiveBack(BlockRequestSlots slots, int slot, AddStatus added)
    {
        slots.TakeBack(slot);
        slots.Release(slot);
        return added == AddStatus.Full ? SubmitStatus.Full : SubmitStatus.Invalid;
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
