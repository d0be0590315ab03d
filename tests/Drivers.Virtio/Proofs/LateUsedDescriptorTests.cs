using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Rings.Packed;
using VirtioGuest.Drivers.Virtio.Tests.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// kvm-host pull request 50: a device that set the flags of a used descriptor before its id and its length. A driver on
/// another processor then takes the id and the length that it wrote there itself, for another buffer.
/// </summary>
public class LateUsedDescriptorTests
{
    [TestCase(MemoryOrdering.ReleaseAcquire)]
    [TestCase(MemoryOrdering.TotalStoreOrder)]
    public void Flags_before_id_and_length_make_a_driver_take_the_wrong_buffer(object ordering)
    {
        ExplorationResult result = Explore((MemoryOrdering)ordering, isLate: true, AccessSite.Unnamed);
        TestContext.Out.WriteLine(result);
        ExpectOldFields(result);
    }

    [TestCase(MemoryOrdering.ReleaseAcquire)]
    [TestCase(MemoryOrdering.TotalStoreOrder)]
    public void Flags_after_them_with_a_release_never_do(object ordering)
    {
        ExplorationResult result = Explore((MemoryOrdering)ordering, isLate: false, AccessSite.Unnamed);
        TestContext.Out.WriteLine(result);
        Assert.That(result.Failure, Is.Null);
        Assert.That(result.IsExhaustive, Is.True);
    }

    [TestCase(DeviceSites.PackedStoreUsedFlags)]
    [TestCase(PackedSites.LoadUsedFlags)]
    public void Flags_after_them_without_the_release_or_without_the_acquire_do(AccessSite weakened)
    {
        ExplorationResult result = Explore(MemoryOrdering.ReleaseAcquire, isLate: false, weakened);
        ExpectOldFields(result);
    }

    /// <summary>On a processor that keeps its stores in order, as x86 does, the order of writing is enough.</summary>
    [TestCase(DeviceSites.PackedStoreUsedFlags)]
    [TestCase(PackedSites.LoadUsedFlags)]
    public void Under_TSO_neither_is_missed(AccessSite weakened) =>
        Assert.That(Explore(MemoryOrdering.TotalStoreOrder, isLate: false, weakened).Failure, Is.Null);

    /// <summary>The driver has read an id, a length or both from before the device wrote them.</summary>
    private static void ExpectOldFields(ExplorationResult result) =>
        Assert.That(result.Failure, Does.StartWith("driver: took buffer "));

    private static ExplorationResult Explore(MemoryOrdering ordering, bool isLate, AccessSite weakened)
    {
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds
        {
            Ordering = ordering,
            Deviations = Nightly.IsOn ? 3 : 2,
            RandomSchedules = Nightly.Cases(1000, 50_000),
            WeakenedSite = weakened,
        });
        return explorer.Explore(memory => Create(memory, isLate));
    }

    /// <summary>Two buffers of 8 and 16 bytes are added; the device uses the second one first.</summary>
    private static Scenario Create(WeakMemory memory, bool isLate)
    {
        Virtqueue queue = Virtqueue.TryCreate(memory.Dma, 0, 2, Features.RingPacked)!;
        DmaMemory data = memory.Dma.Allocate(64, 64)!;
        NewerFirst device = new NewerFirst(memory, queue.DescriptorArea, isLate);
        return new Scenario().AddProcessor("driver", () => Drive(memory, queue, data)).AddProcessor(
            "device", device.Run, isBackground: true);
    }

    private static void Drive(WeakMemory memory, Virtqueue queue, DmaMemory data)
    {
        queue.TryAdd(default, new[] { data.Segment(0, 8) }, 0);
        queue.TryAdd(default, new[] { data.Segment(32, 16) }, 1);
        int token;
        uint written;
        while (!queue.TryGetUsed(out token, out written))
        {
            Scenario.Require(
                queue.Fault == QueueFault.None, $"the device {QueueFaults.Describe(queue.Fault)}");
            memory.Pause();
        }

        Scenario.Require(
            token == 1 && written == 16, $"took buffer {token} with {written} bytes, but buffer 1 was used with 16");
    }

    /// <summary>A device that waits for a second buffer and uses it in the slot of the first.</summary>
    private sealed unsafe class NewerFirst
    {
        private const int SlotLength = 16;
        private const int LengthOffset = 8;
        private const int IdOffset = 12;
        private const int FlagsOffset = 14;
        private const ushort Available = 1 << 7;
        private const ushort Used = 1 << 15;

        private readonly WeakMemory _memory;
        private readonly byte* _ring;
        private readonly bool _isLate;

        public NewerFirst(WeakMemory memory, ulong ring, bool isLate)
        {
            _memory = memory;
            _ring = memory.DeviceView(ring, 2 * SlotLength);
            _isLate = isLate;
        }

        public void Run()
        {
            byte* second = _ring + SlotLength;
            while ((SharedMemory.LoadAcquire16(second, FlagsOffset) & Available) == 0)
            {
                _memory.Pause();
            }

            ushort id = SharedMemory.Load16(second, IdOffset);
            uint length = SharedMemory.Load32(second, LengthOffset);
            if (_isLate)
            {
                SharedMemory.StoreRelease16(_ring, FlagsOffset, Available | Used);
            }

            SharedMemory.Store32(_ring, LengthOffset, length);
            SharedMemory.Store16(_ring, IdOffset, id);
            if (!_isLate)
            {
                SharedMemory.StoreRelease16(
                    _ring, FlagsOffset, Available | Used, DeviceSites.PackedStoreUsedFlags);
            }
        }
    }
}
