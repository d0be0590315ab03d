using System;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>The memory of a queue and the device's side of it, without a bus: what labs about rings need.</summary>
internal sealed class RingRig
{
    private readonly DmaTag _dma;
    private readonly LabWatch _watch;
    private readonly ulong _features;

    /// <summary>Allocates a queue.</summary>
    /// <param name="dma">Where.</param>
    /// <param name="memory">The same memory as the device sees it: see <see cref="CheckRecording.ViewOf"/>.</param>
    /// <param name="size">How many descriptors.</param>
    /// <param name="features">The form of the queue.</param>
    /// <param name="watch">Who watches the driver.</param>
    public RingRig(DmaTag dma, Devices.Memory.GuestMemory memory, ushort size, ulong features, LabWatch watch)
    {
        (_dma, _watch, _features) = (dma, watch, features);
        bool isPacked = (features & FeatureBit.RingPacked) != 0;
        DmaBlock descriptors = Allocate(16u * size);
        DmaBlock driver = Allocate(isPacked ? 4 : 6 + (2u * size));
        DmaBlock device = Allocate(isPacked ? 4 : 6 + (8u * size));
        Split = new SplitRing(size, descriptors, driver, device);
        Packed = new PackedRing(size, descriptors, driver, device);
        Areas = new QueueAreas(descriptors.DeviceAddress, driver.DeviceAddress, device.DeviceAddress);
        Device = DeviceQueue.TryOpen(memory, Areas, size, features, out QueueError error)
            ?? throw new InvalidOperationException($"The queue was not opened: {error}.");
        Device.IsStrict = true;
        CheckRecording.Current?.Show(0, Areas, size, features);
    }

    /// <summary>The queue as a driver of a split ring sees it.</summary>
    public SplitRing Split { get; }

    /// <summary>The queue as a driver of a packed ring sees it.</summary>
    public PackedRing Packed { get; }

    /// <summary>Where its parts are.</summary>
    public QueueAreas Areas { get; }

    /// <summary>The device's side.</summary>
    public DeviceQueue Device { get; }

    /// <summary>A queue in plain memory.</summary>
    public static RingRig Plain(SimulatedDma dma, ushort size, ulong features)
    {
        RingRig? rig = null;
        Watchdog dog = new Watchdog(
            () => { },
            () => (long)((rig?.Device.Taken ?? 0) + (rig?.Device.Used ?? 0)),
            () => "the ring does not change, because the device acts only between two calls");
        rig = new RingRig(dma, CheckRecording.ViewOf(dma), size, features | FeatureBit.Version1, dog);
        return rig;
    }

    /// <summary>A queue in a memory with weak ordering.</summary>
    public static RingRig Weak(WeakMemory memory, ushort size, ulong features) =>
        new(memory.Dma, memory.GuestMemory, size, features | FeatureBit.Version1, new WeakRig.Patience(memory));

    /// <summary>Allocates memory as the driver sees it.</summary>
    public DmaBlock Allocate(uint length) =>
        new(_dma.Allocate(length, 64) ?? throw new InvalidOperationException("There is no memory."), _watch);

    /// <summary>Writes a descriptor of a split ring, for labs in which it is not the student who does.</summary>
    public void Describe(ushort head, DmaBlock buffer, uint offset, uint length)
    {
        Split.Descriptors.Store64(16u * head, buffer.DeviceAddress + offset);
        Split.Descriptors.Store32((16u * head) + 8, length);
        Split.Descriptors.Store16((16u * head) + 12, 2);
        Split.Descriptors.Store16((16u * head) + 14, 0);
    }

    /// <summary>
    /// Takes the next buffer as the device, and fails the check where the driver has broken the ring.
    /// </summary>
    public DeviceChain? Pop()
    {
        DeviceChain? chain = Device.TryPop();
        if (Device.Error != QueueError.None)
        {
            throw new CheckFailedException(RingFault.Of(Device.Error, (_features & FeatureBit.RingPacked) != 0));
        }

        return chain;
    }

    /// <summary>The next buffer, which must be there.</summary>
    /// <param name="after">What the driver has done.</param>
    public DeviceChain Take(string after) => Pop() ?? throw new CheckFailedException(new Finding(
        string.Empty,
        $"after {after} the device finds no available buffer",
        (_features & FeatureBit.RingPacked) != 0
            ? "the head descriptor's AVAIL bit equals the driver's wrap counter, and its USED bit does not"
            : "idx of the available ring has grown by one, and its entry names the head"));

    /// <summary>Calls the driver; what it throws fails the check.</summary>
    public static T Do<T>(string what, Func<T> driver)
    {
        CheckRecording.Current?.Say(what);
        try
        {
            return driver();
        }
        catch (Exception e) when (e is not (CheckFailedException or SimulationFailedException))
        {
            throw new CheckFailedException(StudentFailure.Of(e, what));
        }
    }
}

/// <summary>What a broken ring means, in a student's words.</summary>
internal static class RingFault
{
    /// <summary>Explains it.</summary>
    public static Finding Of(QueueError error, bool isPacked)
    {
        (string seen, string expected) = error switch
        {
            QueueError.AvailableIndexJump => (
                "idx of the available ring jumped by more than the queue's size",
                "idx counts buffers, and wraps at 65536, not at the queue's size"),
            QueueError.DescriptorOutOfRange => (
                "a descriptor is named that does not exist", "numbers below the queue's size"),
            QueueError.Loop => ("a chain comes back to itself", "the last descriptor of a chain has no NEXT flag"),
            QueueError.ChainTooLong => (
                "a chain has more descriptors than the queue", "the last descriptor of a chain has no NEXT flag"),
            QueueError.ChainIncomplete => (
                "the head of a list was available before the rest of it: the device found a list without its end",
                "the head's flags are written last, with release, and the last descriptor has no NEXT"),
            QueueError.ZeroLength or QueueError.BufferUnreachable => (
                "a descriptor names no byte, or memory that does not exist", "addr and len of the part"),
            QueueError.ReadableAfterWritable => (
                "a part for the device to read comes after one for it to write", "the order of the parts is kept"),
            QueueError.ReservedFlags => (
                "a descriptor has flags that mean nothing there",
                "NEXT 1, WRITE 2, and in a packed ring AVAIL and USED"),
            QueueError.BufferInFlight => (
                "a buffer ID was given to a second buffer while the device had the first",
                "an ID is free again once its buffer was taken back"),
            QueueError.RingOverrun => (
                "descriptors were written that the device has not given back yet",
                "there is room for a list only when as many descriptors are free as it has parts"),
            QueueError.SuppressionNotNegotiated => (
                "the driver's event suppression has a value that means nothing",
                "0 enable, 1 disable, 2 one descriptor"),
            _ => ($"the device gave the queue up: {error}", "a well-formed queue"),
        };
        return new Finding(isPacked ? "virtio 1.4, 2.8" : "virtio 1.4, 2.7", seen, expected);
    }
}
