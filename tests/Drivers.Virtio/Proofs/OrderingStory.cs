using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// What a driver and a device do with one queue, each on a processor of its own, in a memory with weak ordering.
/// </summary>
/// <remarks>
/// A buffer carries a number to the device, which sends it back altered in every writable segment. Both sides sleep
/// whenever they may, so a notification that gets lost shows as a schedule in which nobody can go on.
/// </remarks>
internal sealed record OrderingStory(string Name)
{
    /// <summary>One buffer, there and back.</summary>
    public static readonly OrderingStory One = new("one buffer") { Buffers = 1 };

    /// <summary>One buffer at a time, each all around the ring.</summary>
    public static readonly OrderingStory Alone = new("one at a time");

    /// <summary>Two at once, used together, the newer first where the queue is not in order.</summary>
    public static readonly OrderingStory Pairs = new("pairs")
    {
        Size = 4,
        Buffers = 4,
        Window = 2,
        DeviceCollects = true,
    };

    /// <summary>The driver sleeps until the last of what it added is used.</summary>
    public static readonly OrderingStory Delayed = new("delayed interrupts")
    {
        Size = 4,
        Buffers = 6,
        Window = 3,
        Segments = 1,
        Wait = DriverWait.DelayedInterrupts,
    };

    /// <summary>The driver looks again and again, and wants no interrupts.</summary>
    public static readonly OrderingStory Polling = new("polling")
    {
        Buffers = 4,
        Window = 2,
        Segments = 1,
        Wait = DriverWait.Polling,
    };

    /// <summary>A ring whose size divides nothing, several times around (packed; a split one has 2).</summary>
    public static readonly OrderingStory Around = new("around the ring")
    {
        Size = 3,
        Buffers = 5,
        Window = 2,
        Segments = 1,
    };

    /// <summary>Chains of three, which lie in a table where there are tables.</summary>
    public static readonly OrderingStory Chains = new("chains")
    {
        Size = 4,
        Buffers = 3,
        Segments = 3,
    };

    /// <summary>The stories, the shortest first.</summary>
    public static readonly OrderingStory[] All = { One, Alone, Pairs, Delayed, Polling, Around, Chains };

    /// <summary>How a driver that finds nothing waits.</summary>
    public enum DriverWait
    {
        /// <summary>For the next used buffer.</summary>
        Interrupts,

        /// <summary>Until all buffers that are in flight have been used.</summary>
        DelayedInterrupts,

        /// <summary>Not at all.</summary>
        Polling,
    }

    /// <summary>How many descriptors the ring has at most.</summary>
    public int Size { get; init; } = 2;

    /// <summary>How many buffers are sent in all.</summary>
    public int Buffers { get; init; } = 3;

    /// <summary>How many of them are in flight at most.</summary>
    public int Window { get; init; } = 1;

    /// <summary>How many segments each has: one to read and the others to write, or one to write.</summary>
    public int Segments { get; init; } = 2;

    /// <summary>How the driver waits.</summary>
    public DriverWait Wait { get; init; }

    /// <summary>Whether the device takes all there is before it uses any, and publishes them together.</summary>
    public bool DeviceCollects { get; init; }

    /// <inheritdoc/>
    public override string ToString() => Name;

    /// <summary>Makes the scenario.</summary>
    public Scenario Create(WeakMemory memory, Features form)
    {
        int size = Virtqueue.LargestSize(form, Size);
        Virtqueue queue = Virtqueue.TryCreate(memory.Dma, 0, size, form, new ChainShape(Segments))!;
        DmaMemory data = memory.Dma.Allocate((uint)(Window * BufferWords.Stride), 64)!;
        DeviceQueue device = DeviceQueue.TryOpen(
            memory.GuestMemory,
            new QueueAreas(queue.DescriptorArea, queue.DriverArea, queue.DeviceArea),
            size,
            (ulong)form,
            out _)!;
        Signal kick = memory.CreateSignal();
        Signal interrupt = memory.CreateSignal();
        StoryDriver driver = new StoryDriver(this, memory, queue, data, kick, interrupt);
        StoryDevice served = new StoryDevice(this, device, kick, interrupt);
        return new Scenario()
            .AddProcessor("driver", driver.Run)
            .AddProcessor("device", served.Run, isBackground: true);
    }
}
