using System;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Recording;
using VirtioGuest.Simulation;

namespace VirtioGuest.Trace.Examples;

/// <summary>
/// kvm-host pull request 50: a device that sets the flags of a used descriptor before its id and its length.
/// </summary>
internal static class LateUsedStory
{
    private const uint SlotLength = 16;
    private const uint LengthOffset = 8;
    private const uint IdOffset = 12;
    private const uint FlagsOffset = 14;
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;

    public static void Record(string path) => WeakStories.RecordFailure(
        new ExplorationBounds { Deviations = 2 },
        Create,
        path,
        "kvm-host pull request 50: USED before id and len",
        "Two buffers of 8 and 16 bytes are in a packed ring. The device uses the second one, and sets the flags before "
            + "it writes id and len. The driver looks in between: it finds USED, and takes the id and the len that it "
            + "wrote there itself. This is the schedule with the fewest deviations in which that happens.");

    private static Scenario Create(WeakMemory memory)
    {
        Virtqueue queue = Virtqueue.TryCreate(memory.Dma, 0, 2, Features.RingPacked)!;
        DmaMemory data = memory.Dma.Allocate(64, 64)!;
        return new Scenario()
            .Showing(WeakStories.Describe(queue, Features.RingPacked))
            .AddProcessor("driver", () => Drive(memory, queue, data))
            .AddProcessor("device", () => UseSecond(memory, queue.DescriptorArea), isBackground: true);
    }

    private static void Drive(WeakMemory memory, Virtqueue queue, DmaMemory data)
    {
        queue.TryAdd([], [data.Segment(0, 8)], 0);
        queue.TryAdd([], [data.Segment(32, 16)], 1);
        int token;
        uint written;
        while (!queue.TryGetUsed(out token, out written))
        {
            memory.Pause();
        }

        Scenario.Require(
            token == 1 && written == 16, $"took buffer {token} with {written} bytes, but buffer 1 was used with 16");
    }

    private static void UseSecond(WeakMemory memory, ulong area)
    {
        GuestArea ring = memory.GuestMemory.TryMap(area, 2 * SlotLength, GuestAccess.ReadWrite)!;
        const uint Second = SlotLength;
        const AccessSite Look = DeviceSites.PackedLoadAvailableFlags;
        while ((ring.LoadAcquire16(Second + FlagsOffset, Look) & Available) == 0)
        {
            memory.Pause();
        }

        ushort id = ring.Load16(Second + IdOffset);
        uint length = ring.Load32(Second + LengthOffset);

        // The fault: with this the descriptor is the driver's, and the next two lines come too late.
        ring.StoreRelease16(FlagsOffset, Available | Used, DeviceSites.PackedStoreUsedFlags);
        ring.Store32(LengthOffset, length);
        ring.Store16(IdOffset, id);
    }
}
