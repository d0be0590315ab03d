using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Hal;
using VirtioGuest.Recording;
using VirtioGuest.Simulation;

namespace VirtioGuest.Trace.Examples;

/// <summary>NetBSD kern/60144: a loop that polls makes no PREREAD between two looks.</summary>
internal static class MissingPreRead
{
    private const int Looks = 3;

    public static void Record(string path)
    {
        using var ring = new RecordedRing(
            path,
            "NetBSD kern/60144: a look without its PREREAD",
            "A driver on a 68040, whose cache no device sees, polls for a used buffer. The PREREAD after a look in "
                + "vain (site 123) is left out, so the line of the first look stays in the cache: the device uses the "
                + "buffer, and the driver never sees it.",
            Features.RingPacked,
            4,
            new SimulatedDmaOptions
            {
                Cache = new Mc68040Cache(),
                WeakenedSite = PackedSites.SlotToDevice,
                AuditsOwnership = false,
            });
        ring.Say("adds a buffer of 64 bytes for the device to write");
        ring.Buffers.Sync(0, 64, DmaSync.PreRead);
        ring.Queue.TryAdd([], [ring.Buffers.Segment(0, 64)], 7);
        DeviceChain chain = ring.Device.TryPop()!;
        ring.Say("looks for the first time: the line of the slot is in the cache from now on");
        ring.Queue.TryGetUsed(out _, out _);
        ring.Say("hands nothing back: here the PREREAD of site 123 is missing");
        ring.SayOfDevice("uses the buffer, in memory");
        ring.Use(chain, 64);
        for (int look = 1; look <= Looks; look++)
        {
            ring.Say($"looks again ({look})");
            if (ring.Queue.TryGetUsed(out _, out _))
            {
                return;
            }
        }

        ring.Recorder.Say(
            StepKind.Failure,
            MemoryRecorder.Driver,
            "the buffer was used, and the driver looks at its own old line for ever");
    }
}
