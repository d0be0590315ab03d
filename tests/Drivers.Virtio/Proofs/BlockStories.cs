using System;
using VirtioGuest.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Drivers.Virtio.Devices.Block.BlockStatus;
using ModelStatus = VirtioGuest.Devices.Block.BlockStatus;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What the block driver does with a disk.</summary>
internal static class BlockStories
{
    /// <summary>
    /// Sectors are written and read back, some requests fail, and the end comes while one is in flight.
    /// </summary>
    public static readonly DriverStory Traffic = new("block driver", "write and read back, then stop", Run);

    private const int Sectors = 8;
    private const int BadSector = 3;

    private static void Run(SimulatedMachine machine, SimulatedDma dma)
    {
        BlockDevice model = new BlockDevice(dma.GuestMemory, Sectors) { Faults = new OneBadSector() };
        model.Queues[0].MaximumSize = 8;
        VirtioBlock disk = new VirtioBlock(Attachment.OverMmio(machine, model), "disk0", new NoEvents());
        Scenario.Require(disk.TryStart(out Failure? failure), $"the disk {failure}");
        DmaMemory data = machine.Dma.Allocate(VirtioBlock.SectorSize, 64)!;
        for (ulong sector = 0; sector < Sectors; sector++)
        {
            BlockStatus expected = sector == BadSector ? BlockStatus.IoError : BlockStatus.Ok;
            Fill(data, (byte)(sector + 1));
            data.Sync(0, VirtioBlock.SectorSize, DmaSync.PreWrite, ProofSites.Data);
            Transfer(disk, model, BlockOperation.Write, sector, data, expected);
            data.Sync(0, VirtioBlock.SectorSize, DmaSync.PostWrite, ProofSites.Data);
            Fill(data, 0xEE);
            data.Sync(0, VirtioBlock.SectorSize, DmaSync.PreRead | DmaSync.PreWrite, ProofSites.Data);
            Transfer(disk, model, BlockOperation.Read, sector, data, expected);
            data.Sync(0, VirtioBlock.SectorSize, DmaSync.PostRead | DmaSync.PostWrite, ProofSites.Data);
            byte wanted = sector == BadSector ? (byte)0 : (byte)(sector + 1);
            Scenario.Require(data.Load8(0) == wanted && data.Load8(511) == wanted, $"sector {sector} is another");
        }

        data.Sync(0, VirtioBlock.SectorSize, DmaSync.PreRead, ProofSites.Data);
        disk.Queue(0).TrySubmit(BlockOperation.Read, 0, new[] { data.Segment(0, VirtioBlock.SectorSize) }, 9);
        Scenario.Require(disk.Stop(), "the disk is not reset");
        Scenario.Require(Drain(disk) is { Token: 9, Status: BlockStatus.Aborted }, "a request is not aborted");
        data.Sync(0, VirtioBlock.SectorSize, DmaSync.PostRead, ProofSites.Data);
        data.Free();
        Scenario.Require(dma.Freed == dma.Allocated, "the driver keeps memory");
    }

    private static void Transfer(
        VirtioBlock disk,
        BlockDevice model,
        BlockOperation operation,
        ulong sector,
        DmaMemory data,
        BlockStatus expected)
    {
        DmaSegment[] segments = { data.Segment(0, VirtioBlock.SectorSize) };
        BlockStatus status = disk.Queue(0).TrySubmit(operation, sector, segments, (int)sector);
        Scenario.Require(status == BlockStatus.Ok, $"a request is not submitted: {status}");
        disk.Queue(0).Notify();
        model.Run();
        Scenario.Require(model.Findings.Count == 0, "the device finds fault with the driver");
        BlockCompletion completion = Drain(disk);
        Scenario.Require(
            completion.Token == (int)sector && completion.Status == expected,
            $"sector {sector} ended with {completion.Status}");
    }

    private static BlockCompletion Drain(VirtioBlock disk)
    {
        BlockCompletion[] completions = new BlockCompletion[2];
        Scenario.Require(disk.Queue(0).Drain(completions) == 1, "a request does not end");
        return completions[0];
    }

    private static void Fill(DmaMemory data, byte value)
    {
        for (uint i = 0; i < VirtioBlock.SectorSize; i++)
        {
            data.Store8(i, value);
        }
    }

    private sealed class OneBadSector : BlockFaults
    {
        public override ModelStatus? Fault(uint type, ulong sector, ulong length) =>
            sector == BadSector ? ModelStatus.IoError : null;
    }
}
