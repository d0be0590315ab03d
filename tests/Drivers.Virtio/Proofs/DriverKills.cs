using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Devices.Entropy;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using static VirtioGuest.Drivers.Virtio.Tests.Proofs.CacheMachine;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>What the places of the drivers are for.</summary>
internal static class DriverKills
{
    public static readonly Kill[] All =
    {
        new(ChainSites.HeaderToDevice,
            new DriverTrial(Mc68040, BlockStories.Traffic),
            "The header stays in the cache; the device carries out what memory held before."),
        new(ChainSites.TrailerToDevice,
            new DriverTrial(Mc68040, BlockStories.Traffic),
            "The byte that the driver put there stays in the cache and hides the status.")
        {
            Part = DmaSync.PreRead,
        },
        new(ChainSites.TrailerToDevice,
            new DriverTrial(null, BlockStories.Traffic),
            "The byte that the driver put there was never given away; what is left of it in the cache may be written "
            + "back over the status.")
        {
            Part = DmaSync.PreWrite,
        },
        new(ChainSites.HeaderFromDevice,
            new DriverTrial(null, BlockStories.Traffic),
            "The driver writes the next header where it has handed the last one over."),
        new(ChainSites.TrailerFromDevice,
            new DriverTrial(Prefetching, BlockStories.Traffic),
            "A line read ahead of time hides the status.")
        {
            Part = DmaSync.PostRead,
        },
        new(ChainSites.TrailerFromDevice,
            new DriverTrial(null, BlockStories.Traffic),
            "The driver puts its byte where it has handed the last one over.")
        {
            Part = DmaSync.PostWrite,
        },
        new(NetSites.FrameToDevice,
            new DriverTrial(Mc68040, NetStories.Traffic),
            "The frame stays in the cache; the device sends what memory held before."),
        new(NetSites.FrameFromDevice,
            new DriverTrial(null, NetStories.Traffic),
            "The driver writes the next frame into a buffer that it has handed over."),
        new(NetSites.RefusedFrameFromDevice,
            new DriverTrial(null, NetStories.BrokenQueue),
            "The buffers are given back to the machine while one is handed over."),
        new(NetSites.LeftFrameFromDevice,
            new DriverTrial(null, NetStories.Traffic),
            "The same for the frames that the device had when it was reset."),
        new(NetSites.BufferToDevice,
            new DriverTrial(Mc68040, NetStories.Traffic),
            "The line that the driver wrote or read last hides the frame."),
        new(NetSites.BufferFromDevice,
            new DriverTrial(Prefetching, NetStories.Traffic),
            "A line read ahead of time hides the frame."),
        new(NetSites.LeftBufferFromDevice,
            new DriverTrial(null, NetStories.Traffic),
            "The buffers are given back to the machine while the device has them."),
        new(NetSites.CommandToDevice,
            new DriverTrial(Mc68040, NetStories.Commands),
            "The command stays in the cache; the device carries out what memory held before."),
        new(NetSites.CommandFromDevice,
            new DriverTrial(null, NetStories.Commands),
            "The driver writes the next command where it has handed the last one over."),
        new(NetSites.AnswerToDevice,
            new DriverTrial(Mc68040, NetStories.Commands),
            "The mark that the driver put there stays in the cache and hides the answer.")
        {
            Part = DmaSync.PreRead,
        },
        new(NetSites.AnswerToDevice,
            new DriverTrial(null, NetStories.Commands),
            "The mark was never given away; what is left of it in the cache may be written back over the answer.")
        {
            Part = DmaSync.PreWrite,
        },
        new(NetSites.AnswerFromDevice,
            new DriverTrial(Prefetching, NetStories.Commands),
            "A line read ahead of time hides the answer.")
        {
            Part = DmaSync.PostRead,
        },
        new(NetSites.AnswerFromDevice,
            new DriverTrial(null, NetStories.Commands),
            "The driver puts its mark where it has handed the last one over.")
        {
            Part = DmaSync.PostWrite,
        },
        new(NetSites.LeftCommandFromDevice,
            new DriverTrial(null, NetStories.Commands),
            "The memory is given back to the machine while the command is handed over."),
        new(NetSites.LeftAnswerFromDevice,
            new DriverTrial(null, NetStories.Commands),
            "The same for the place of its answer, which the device may write.")
        {
            Part = DmaSync.PostRead,
        },
        new(NetSites.LeftAnswerFromDevice,
            new DriverTrial(null, NetStories.Commands),
            "The same for the mark in it.")
        {
            Part = DmaSync.PostWrite,
        },
        new(EntropySites.BufferToDevice,
            new DriverTrial(Mc68040, EntropyStories.Traffic),
            "The line that the driver read last hides the bytes."),
        new(EntropySites.BufferFromDevice,
            new DriverTrial(Prefetching, EntropyStories.Traffic),
            "A line read ahead of time hides the bytes."),
        new(EntropySites.LeftBufferFromDevice,
            new DriverTrial(null, EntropyStories.Traffic),
            "The buffer is given back to the machine while the device has it."),
    };
}
