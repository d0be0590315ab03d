using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Drivers.Virtio.Transport.Pci;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>
/// A device while one test has it: brought up as the test wants it, with rings, memory and a count of interrupts. What
/// ends a test otherwise than by passing is thrown from here.
/// </summary>
internal sealed class DeviceBench : DeviceEventSink
{
    /// <summary>How long an answer is waited for, in nanoseconds.</summary>
    public const ulong AnswerLimit = 3_000_000_000;

    /// <summary>How long something is waited for that must not happen, in nanoseconds.</summary>
    public const ulong QuietTime = 20_000_000;

    /// <summary>How many bytes of memory a test has for each of <see cref="Slots"/> requests.</summary>
    public const uint SlotLength = 4096;

    /// <summary>Where tables of descriptors lie in it, behind all else.</summary>
    public const uint TablePlace = 3072;

    /// <summary>How many requests a test may have in flight.</summary>
    public const int Slots = 64;

    /// <summary>How many queues a test may use.</summary>
    public const int MostQueues = PciTransport.MaximumQueues;

    private const uint PageSize = 4096;

    private readonly VirtioTransport _transport;
    private readonly int[] _interrupts = new int[MostQueues];
    private readonly List<DmaMemory> _rings = [];
    private DmaMemory? _memory;
    private int _configurationInterrupts;
    private bool _isConnected;

    /// <summary>Takes a device that nobody drives.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="registers">Its registers besides, where it is a PCI function.</param>
    public DeviceBench(VirtioTransport transport, PciRegisters? registers)
    {
        _transport = transport;
        Registers = registers;
    }

    /// <summary>The way to the device.</summary>
    public VirtioTransport Transport => _transport;

    /// <summary>Its registers, where it is a PCI function.</summary>
    public PciRegisters? Registers { get; }

    /// <summary>What it offers.</summary>
    public Features Offered { get; private set; }

    /// <summary>The form of the rings that the test is for.</summary>
    public RingForm Form { get; set; } = RingForm.OfferedBy(Features.None)[0];

    /// <summary>
    /// Whether a reset was not confirmed: the device may still write to every byte that it was told of.
    /// </summary>
    public bool IsLost { get; private set; }

    /// <summary>How many configuration change notifications came.</summary>
    public int ConfigurationInterrupts => Volatile.Read(ref _configurationInterrupts);

    /// <summary>Memory for requests.</summary>
    public DmaMemory Memory => _memory ??= Allocate(Slots * SlotLength, PageSize);

    /// <summary>Ends the test: the device does not do what is asked for.</summary>
    [DoesNotReturn]
    public static void Fail(string evidence) => throw new TestEnd(DeviceVerdict.Fail, evidence);

    /// <summary>Ends the test: there is nothing to test.</summary>
    [DoesNotReturn]
    public static void Skip(string reason) => throw new TestEnd(DeviceVerdict.Skip, reason);

    /// <summary>Ends the test: the device does not answer any more.</summary>
    [DoesNotReturn]
    public static void Wedge(string evidence) => throw new TestEnd(DeviceVerdict.Wedged, evidence);

    /// <summary>Ends the test unless a condition holds.</summary>
    public static void Require([DoesNotReturnIf(false)] bool condition, string evidence)
    {
        if (!condition)
        {
            Fail(evidence);
        }
    }

    /// <summary>Ends the test unless the device offers features.</summary>
    public void Need(Features features, string name)
    {
        if ((features & ~Offered) != 0)
        {
            Skip("does not offer " + name);
        }
    }

    /// <summary>Whether the device offers features.</summary>
    public bool Offers(Features features) => (features & ~Offered) == 0;

    /// <summary>Begins a test: the device was reset, and its offer is known.</summary>
    public void Begin()
    {
        _transport.Open();
        Array.Clear(_interrupts);
        _configurationInterrupts = 0;
        Reset();
        Offered = ReadOffer();
    }

    /// <summary>Ends a test: the device was reset, and keeps nothing of the test's memory.</summary>
    public void End()
    {
        // Where a queue stays enabled, the device may go on to write to the memory of the test.
        bool isReset = !IsLost && _transport.Reset();
        IsLost |= _transport.Status != DeviceStatus.None;
        _transport.Close();
        _isConnected = false;
        foreach (DmaMemory ring in _rings)
        {
            Release(ring, isReset);
        }

        _rings.Clear();
        if (_memory is not null)
        {
            Release(_memory, isReset);
            _memory = null;
        }
    }

    /// <summary>Resets the device; a queue that stays enabled is for the tests to find.</summary>
    public void Reset()
    {
        _transport.OnNegotiated(Features.None);
        _transport.Status = DeviceStatus.None;
        if (!WaitFor(() => _transport.Status == DeviceStatus.None, VirtioTransport.ResetDeadline))
        {
            IsLost = true;
            Wedge("does not confirm a reset");
        }

        if (_isConnected)
        {
            // What the device was connected to before this reset is the machine's again; it has only so many.
            _transport.Close();
            _transport.Open();
            _isConnected = false;
        }
    }

    /// <summary>Reads the features that the device offers now.</summary>
    public Features ReadOffer() =>
        (Features)(((ulong)_transport.ReadDeviceFeatures(1) << 32) | _transport.ReadDeviceFeatures(0));

    /// <summary>Takes a device that was reset as far as FEATURES_OK.</summary>
    /// <returns>Whether it left FEATURES_OK set.</returns>
    public bool TryNegotiate(Features features)
    {
        _transport.Status = DeviceStatus.Acknowledge;
        _transport.Status = DeviceStatus.Acknowledge | DeviceStatus.Driver;
        _transport.WriteDriverFeatures(0, (uint)features);
        _transport.WriteDriverFeatures(1, (uint)((ulong)features >> 32));
        _transport.Status = DeviceStatus.Acknowledge | DeviceStatus.Driver | DeviceStatus.FeaturesOk;
        bool isTaken = (_transport.Status & DeviceStatus.FeaturesOk) != 0;
        if (isTaken)
        {
            _transport.OnNegotiated(features);
        }

        return isTaken;
    }

    /// <summary>The features of the test's form, and what the device cannot be without.</summary>
    /// <param name="more">Others, which it offers.</param>
    public Features Wanted(Features more = Features.None) =>
        Form.Features | more | (Offered & (Features.Version1 | Features.AccessPlatform | Features.OrderPlatform));

    /// <summary>Negotiates the features of the test's form, and makes the rings of a type of device.</summary>
    /// <param name="kind">The type of device.</param>
    /// <param name="more">More features, which it offers.</param>
    /// <param name="maximumSize">How large rings are at most.</param>
    /// <returns>The ring of ordinary requests.</returns>
    public TestRing SetUp(DeviceKind kind, Features more = Features.None, int maximumSize = 32)
    {
        if (!TryNegotiate(Wanted(more)))
        {
            Fail("does not take its features, " + GeneralTests.Hex((ulong)Wanted(more)));
        }

        return SetUpRings(kind.OrdinaryQueue + 1, maximumSize)[kind.OrdinaryQueue];
    }

    /// <summary>Makes the first rings of a device whose features were negotiated.</summary>
    public TestRing[] SetUpRings(int count, int maximumSize = 32)
    {
        Connect(count);
        TestRing[] rings = new TestRing[count];
        for (int index = 0; index < count; index++)
        {
            rings[index] = AddRing((ushort)index, maximumSize);
        }

        return rings;
    }

    /// <summary>Arranges for interrupts.</summary>
    public void Connect(int queues)
    {
        string[] names = new string[queues];
        for (int index = 0; index < queues; index++)
        {
            names[index] = "queue " + DecimalText.Of((uint)index);
        }

        _isConnected = true;
        Failure? failure = _transport.ConnectInterrupts("conformance", names, this);
        if (failure is not null)
        {
            Fail(failure.Of("the device"));
        }
    }

    /// <summary>Makes one ring and tells the device of it.</summary>
    /// <param name="index">Which.</param>
    /// <param name="maximumSize">How large it is at most.</param>
    public TestRing AddRing(ushort index, int maximumSize)
    {
        int largest = _transport.ReadMaximumQueueSize(index);
        Require(largest > 0, "has no queue " + DecimalText.Of(index));
        int size = Virtqueue.LargestSize(Form.Features, Math.Min(largest, maximumSize));
        if (size < largest)
        {
            size = _transport.ProposeQueueSize(index, size);
            Require(
                size > 0 && Virtqueue.LargestSize(Form.Features, size) == size,
                "makes a queue of " + DecimalText.Of((uint)size) + " descriptors");
        }

        var memory = new RememberingTag(_transport.Machine.Dma);
        Virtqueue queue = Virtqueue.TryCreate(memory, index, size, Form.Features) ?? throw new TestEnd(
            DeviceVerdict.Skip, "no memory is left");
        _rings.Add(memory.Last!);
        Failure? failure = _transport.EnableQueue(queue);
        if (failure is not null)
        {
            Fail(failure.Of("the device"));
        }

        return Form.IsPacked
            ? new PackedTestRing(queue, memory.Last!)
            : new SplitTestRing(queue, memory.Last!, Form.HasEventIndex);
    }

    /// <summary>Sets DRIVER_OK.</summary>
    public void GoLive() => _transport.Status = _transport.Status | DeviceStatus.DriverOk;

    /// <summary>Brings the device up: <see cref="SetUp"/> and <see cref="GoLive"/>.</summary>
    public TestRing Start(DeviceKind kind, Features more = Features.None, int maximumSize = 32)
    {
        TestRing ring = SetUp(kind, more, maximumSize);
        GoLive();
        return ring;
    }

    /// <summary>How many interrupts came that may be a queue's.</summary>
    public int Interrupts(int queue) => Volatile.Read(ref _interrupts[queue]);

    /// <summary>Takes the next used buffer, and waits for it.</summary>
    public UsedElement Take(TestRing ring)
    {
        var deadline = new Deadline(_transport.Machine.Clock, AnswerLimit);
        UsedElement used;
        while (!ring.TryTake(out used))
        {
            if (!deadline.TryWait())
            {
                Wedge((Transport.Status & DeviceStatus.DeviceNeedsReset) != 0
                    ? "asks for a reset instead of answering"
                    : "does not answer");
            }
        }

        return used;
    }

    /// <summary>Waits until something holds.</summary>
    /// <returns>Whether it came to hold.</returns>
    public bool WaitFor(Func<bool> condition, ulong nanoseconds)
    {
        var deadline = new Deadline(_transport.Machine.Clock, nanoseconds);
        while (!condition())
        {
            if (!deadline.TryWait())
            {
                return condition();
            }
        }

        return true;
    }

    /// <summary>Lets time pass.</summary>
    public void Idle(ulong nanoseconds = QuietTime) => WaitFor(() => false, nanoseconds);

    /// <summary>The memory of a request.</summary>
    /// <param name="slot">Which, 0 to <see cref="Slots"/> - 1.</param>
    /// <param name="offset">Where in it.</param>
    /// <param name="length">How many bytes.</param>
    public Span<byte> Bytes(int slot, uint offset, uint length) => Memory.Bytes(PlaceOf(slot) + offset, length);

    /// <summary>The same as a part of a chain that the device reads.</summary>
    public TestSegment Readable(int slot, uint offset, uint length) =>
        TestSegment.Readable(Memory.DeviceAddress + PlaceOf(slot) + offset, length);

    /// <summary>The same as a part of a chain that the device writes.</summary>
    public TestSegment Writable(int slot, uint offset, uint length) =>
        TestSegment.Writable(Memory.DeviceAddress + PlaceOf(slot) + offset, length);

    /// <summary>Gives the memory of a request to the device.</summary>
    public void HandOver(int slot) => Memory.Sync(PlaceOf(slot), SlotLength, DmaSync.PreRead | DmaSync.PreWrite);

    /// <summary>Takes it back.</summary>
    public void TakeBack(int slot) => Memory.Sync(PlaceOf(slot), SlotLength, DmaSync.PostRead | DmaSync.PostWrite);

    /// <summary>Fills the memory of a request with a byte.</summary>
    public void Fill(int slot, byte value) => Bytes(slot, 0, SlotLength).Fill(value);

    /// <inheritdoc/>
    public override void OnUsedBuffers(ushort queueIndex)
    {
        if (queueIndex < MostQueues)
        {
            Interlocked.Increment(ref _interrupts[queueIndex]);
        }
    }

    /// <inheritdoc/>
    public override void OnConfigurationChange() => Interlocked.Increment(ref _configurationInterrupts);

    private static uint PlaceOf(int slot) => (uint)slot * SlotLength;

    private static void Release(DmaMemory memory, bool isReset)
    {
        if (isReset)
        {
            memory.Free();
        }
        else
        {
            memory.Quarantine();
        }
    }

    private DmaMemory Allocate(uint length, uint alignment) =>
        _transport.Machine.Dma.Allocate(length, alignment)
        ?? throw new TestEnd(DeviceVerdict.Skip, "no memory is left");

    /// <summary>Remembers what was allocated last.</summary>
    private sealed class RememberingTag(DmaTag machine) : DmaTag
    {
        public DmaMemory? Last { get; private set; }

        public override uint HandOverGranularity => machine.HandOverGranularity;

        public override DmaMemory? Allocate(uint length, DmaConstraints constraints) =>
            Last = machine.Allocate(length, constraints);

        public override DmaMap CreateMap(DmaMapLimits limits, BouncePool? bounce) =>
            machine.CreateMap(limits, bounce);
    }
}
