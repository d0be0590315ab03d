using System;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;

namespace VirtioGuest.Conform.Own;

/// <summary>The block driver.</summary>
internal sealed class OwnDisk : OwnMachine
{
    private const int Sectors = 128;
    private const uint BufferLength = 4096;

    private readonly BlockDevice _model;
    private readonly DmaMemory _buffer;
    private readonly bool _isReadOnly;

    public OwnDisk(OwnTransport transport, ulong form, OddDevice? odd, bool isReadOnly)
        : base(transport, form, odd, isReadOnly ? "blk read-only" : "blk")
    {
        _isReadOnly = isReadOnly;
        _model = new BlockDevice(Machine.Memory.GuestMemory, Sectors);
        _model.OfferedFeatures = FeatureBit.Version1 | Form | BlockFeature.SegmentMaximum | BlockFeature.BlockSize
            | BlockFeature.Flush | BlockFeature.ConfigWce | BlockFeature.Topology | BlockFeature.Geometry
            | BlockFeature.Lifetime | (isReadOnly ? BlockFeature.ReadOnly : 0);
        _model.OfferRanges(BlockFeature.Discard, 16, 4);
        _model.OfferRanges(BlockFeature.WriteZeroes, 16, 4);
        _model.OfferRanges(BlockFeature.SecureErase, 16, 4);
        Prepare(_model, 64);
        _buffer = Machine.Memory.Allocate(BufferLength, 512)
            ?? throw new InvalidOperationException("There is no memory.");
    }

    protected override VirtioDeviceModel Model => _model;

    protected override VirtioDevice Create(VirtioTransport transport) => new VirtioBlock(transport, "disk0", Owner);

    protected override void Work(VirtioDevice driver)
    {
        VirtioBlock block = (VirtioBlock)driver;
        BlockQueue queue = block.Queue(0);
        BlockRange[] ranges = [new BlockRange(8, 4), new BlockRange(16, 8)];
        DmaSegment[] parts = [_buffer.Segment(0, 512), _buffer.Segment(512, 256), _buffer.Segment(768, 256)];
        for (int round = 0; round < 40; round++)
        {
            if (!_isReadOnly)
            {
                Do(queue, () => queue.TrySubmit(BlockOperation.Write, 3, [_buffer.Segment(0, 1024)], 1));
            }

            Do(queue, () => queue.TrySubmit(BlockOperation.Read, 3, parts, 2));
        }

        Do(queue, () => queue.TrySubmit(BlockOperation.Flush, 0, [], 3));
        Do(queue, () => queue.TrySubmit(BlockOperation.GetId, 0, [_buffer.Segment(0, VirtioBlock.IdLength)], 4));
        if (!_isReadOnly)
        {
            Do(queue, () => queue.TrySubmitRanges(BlockOperation.Discard, ranges, _buffer, 5));
            Do(queue, () => queue.TrySubmitRanges(BlockOperation.WriteZeroes, ranges, _buffer, 6));
            Do(queue, () => queue.TrySubmitRanges(BlockOperation.SecureErase, ranges, _buffer, 7));
        }

        block.TrySetWriteback(false);
        _model.Resize(Sectors - 8);
        Do(queue, () => queue.TrySubmit(BlockOperation.Read, Sectors - 9, [_buffer.Segment(0, 512)], 8));
        _model.Resize(Sectors);
        if ((Form & FeatureBit.RingReset) != 0 && !queue.TryReset(32))
        {
            throw new WorkFailure("The queue was not reset.");
        }

        Do(queue, () => queue.TrySubmit(BlockOperation.Read, 0, [_buffer.Segment(0, 512)], 9));
    }

    protected override void Finish(VirtioDevice driver)
    {
        BlockCompletion[] completions = new BlockCompletion[64];
        ((VirtioBlock)driver).Queue(0).Drain(completions);
    }

    /// <summary>Submits a request and takes it back.</summary>
    private void Do(BlockQueue queue, Func<BlockStatus> submit)
    {
        BlockCompletion[] completions = new BlockCompletion[2];
        Expect(submit());
        queue.Notify();
        Rest();
        if (queue.Drain(completions) != 1)
        {
            throw new WorkFailure("A request did not come back.");
        }

        Expect(completions[0].Status);
        queue.EnableInterrupts();
    }

    private static void Expect(BlockStatus status)
    {
        if (status != BlockStatus.Ok)
        {
            throw new WorkFailure($"A request ended with {status}.");
        }
    }
}
