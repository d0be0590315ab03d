using System;
using System.Collections.Generic;
using System.Threading;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Hal;

namespace VirtioGuest.Recording;

/// <summary>
/// Records what a thread does with memory that driver and device share, access by access. The calling thread's accesses
/// go through it for as long as it is installed; where nobody records, nothing of it is in the way.
/// </summary>
/// <remarks>
/// Whose an access is, is known from the view that it goes to where the two have views of their own, from
/// <see cref="RecordedGuestMemory"/>, which announces what a device does, or from <see cref="Acting"/>.
/// </remarks>
public sealed unsafe class MemoryRecorder : MemorySimulation
{
    /// <summary>The driver's place among the actors.</summary>
    public const int Driver = 0;

    /// <summary>The device's.</summary>
    public const int Device = 1;

    private const int FirstDeviceSite = 1000;
    private const int LargestRecorded = 16;
    private const int DescriptorLength = 16;

    private readonly bool _findsPlaces;
    private readonly List<Region> _regions = [];
    private readonly List<RecordedQueue> _queues = [];
    private RecordingWriter _writer;
    private MemorySimulation? _inner;
    private uint _announced;
    private ulong _announcedAt;
    private bool _isSkipped;
    private bool _isOnlooker;
    private int _actor;

    /// <summary>Creates a recorder.</summary>
    /// <param name="writer">Where it records.</param>
    /// <param name="findsPlaces">Whether each step is to have its line of source, which takes time.</param>
    public MemoryRecorder(RecordingWriter writer, bool findsPlaces = false)
    {
        _writer = writer;
        _findsPlaces = findsPlaces;
    }

    /// <summary>Where it records.</summary>
    public RecordingWriter Writer => _writer;

    /// <summary>Tells the time in nanoseconds; by default it is always 0.</summary>
    public Func<ulong> Clock { get; init; } = static () => 0;

    /// <summary>
    /// Whether the driver's accesses are seen only by what they leave in memory, because it is somewhere else.
    /// </summary>
    public bool InfersDriver { get; init; }

    /// <summary>Sends the calling thread's accesses through the recorder until the result is disposed of.</summary>
    /// <exception cref="InvalidOperationException">The process did not ask for simulations at its start.</exception>
    public IDisposable Install()
    {
        if (!IsSupported)
        {
            throw new InvalidOperationException("The switch VirtioGuest.Hal.MemorySimulation is not set.");
        }

        _inner = Current;
        Current = this;
        return new Installed(this);
    }

    /// <summary>Says whose the accesses are that follow, where nothing else tells.</summary>
    /// <param name="actor">A place among the actors.</param>
    public void Acting(int actor) => _actor = actor;

    /// <summary>Records a piece of memory from now on.</summary>
    /// <param name="processor">Where the processor sees it.</param>
    /// <param name="device">Where devices see it: the same, where both see the same bytes.</param>
    /// <param name="deviceAddress">Its device address.</param>
    /// <param name="length">Its size in bytes.</param>
    public void AddRegion(byte* processor, byte* device, ulong deviceAddress, uint length) =>
        _regions.Add(new Region(processor, device, deviceAddress, length));

    /// <summary>Says that there is a queue; what lies in its areas is recorded whole.</summary>
    public void Add(RecordedQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _queues.RemoveAll(each => each.Index == queue.Index);
        _queues.Add(queue);
        _writer.Add(queue);
        if (InfersDriver)
        {
            Array.ForEach(queue.Areas, area => Begin(area.Address, area.Length));
        }
    }

    /// <summary>
    /// Goes on in another recording, with a queue that has gone on before and has nothing in flight: what lies in its
    /// areas is its first step.
    /// </summary>
    public void GoOn(RecordingWriter writer, RecordedQueue queue)
    {
        ArgumentNullException.ThrowIfNull(writer);
        ArgumentNullException.ThrowIfNull(queue);
        _writer = writer;
        Add(queue);
        if (!InfersDriver)
        {
            Array.ForEach(queue.Areas, area => Begin(area.Address, area.Length));
        }
    }

    /// <summary>Looks at the whole of a queue for what a driver has done that is somewhere else.</summary>
    public void Look(RecordedQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        Infer(queue.DescriptorArea, queue.DescriptorLength);
        Infer(queue.DriverArea, queue.DriverLength);
    }

    /// <summary>Records a queue's areas, wherever they are in this process.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="memory">Where they are.</param>
    public void Add(RecordedQueue queue, GuestMemory memory)
    {
        ArgumentNullException.ThrowIfNull(queue);
        ArgumentNullException.ThrowIfNull(memory);
        Remove(queue);
        foreach ((ulong address, uint length) in queue.Areas)
        {
            if (memory.TryTranslate(address, length, GuestAccess.Read, out byte* pointer))
            {
                AddRegion(pointer, pointer, address, length);
            }
        }

        Add(queue);
    }

    /// <summary>Records a queue's areas no more.</summary>
    public void Remove(RecordedQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        _queues.RemoveAll(each => each.Index == queue.Index);
        _regions.RemoveAll(each => queue.Holds(each.DeviceAddress, 1));
    }

    /// <summary>A device is about to access memory; called by <see cref="RecordedGuestMemory"/>.</summary>
    public void Announce(ulong address, uint length, bool isWrite)
    {
        _announced = length;
        _announcedAt = address;
        _isOnlooker = false;
        _isSkipped = length > LargestRecorded && QueueAt(address, length) is null;
        if (_isSkipped)
        {
            _writer.Data(Device, Clock(), address, length, isWrite, Place());
        }
        else if (InfersDriver && !isWrite && QueueAt(address, length) is RecordedQueue queue)
        {
            Look(queue);
        }
    }

    /// <summary>Somebody is about to look who is neither driver nor device, and is not recorded.</summary>
    public void AnnounceOnlooker(uint length) => (_announced, _isSkipped, _isOnlooker) = (length, false, true);

    /// <summary>One side notifies the other.</summary>
    public void Notify(StepKind kind, int queue) =>
        _writer.Notify(
            kind,
            kind == StepKind.Kick ? Driver : Device,
            Clock(),
            queue,
            kind == StepKind.Kick && InfersDriver ? 0 : Place());

    /// <summary>Something worth saying, or something that must not be.</summary>
    public void Say(StepKind kind, int actor, string text) => _writer.Say(kind, actor, Clock(), text);

    /// <summary>Memory is handed over; called before the machine does what it does.</summary>
    public void Sync(ulong address, uint length, DmaSync operations, AccessSite site) =>
        _writer.Sync(Driver, Clock(), address, length, operations, site, Place());

    /// <summary>
    /// Records what processor and device see now, where that has changed without an access of theirs.
    /// </summary>
    public void Compare()
    {
        foreach (Region region in _regions)
        {
            if (region.Processor != region.Device)
            {
                Compare(region, Driver, region.Processor, region.SeenByDriver);
                Compare(region, Device, region.Device, region.SeenByDevice);
            }
        }
    }

    /// <inheritdoc/>
    public override ulong Load(byte* address, int size, AccessSite site)
    {
        ulong value = _inner is null ? Words.Read(address, size) : _inner.Load(address, size, site);
        Record(StepKind.Load, address, size, value, isOrdered: false, site);
        return value;
    }

    /// <inheritdoc/>
    public override void Store(byte* address, int size, ulong value, AccessSite site)
    {
        if (_inner is null)
        {
            Words.Write(address, size, value);
        }
        else
        {
            _inner.Store(address, size, value, site);
        }

        Record(StepKind.Store, address, size, value, isOrdered: false, site);
    }

    /// <inheritdoc/>
    public override ulong LoadAcquire(byte* address, int size, AccessSite site)
    {
        ulong value = _inner is null ? Words.Read(address, size) : _inner.LoadAcquire(address, size, site);
        Interlocked.MemoryBarrier();
        Record(StepKind.Load, address, size, value, isOrdered: true, site);
        return value;
    }

    /// <inheritdoc/>
    public override void StoreRelease(byte* address, int size, ulong value, AccessSite site)
    {
        Interlocked.MemoryBarrier();
        if (_inner is null)
        {
            Words.Write(address, size, value);
        }
        else
        {
            _inner.StoreRelease(address, size, value, site);
        }

        Record(StepKind.Store, address, size, value, isOrdered: true, site);
    }

    /// <inheritdoc/>
    public override void FullBarrier(AccessSite site)
    {
        Interlocked.MemoryBarrier();
        _inner?.FullBarrier(site);
        _writer.Barrier(ActorAt(site), Clock(), isForDevice: false, site, Place());
    }

    /// <inheritdoc/>
    public override void DeviceBarrier(AccessSite site)
    {
        _inner?.DeviceBarrier(site);
        _writer.Barrier(ActorAt(site), Clock(), isForDevice: true, site, Place());
    }

    private int ActorAt(AccessSite site) => (int)site >= FirstDeviceSite ? Device : _actor;

    private void Record(StepKind kind, byte* address, int size, ulong value, bool isOrdered, AccessSite site)
    {
        int actor = _actor;
        bool isAnnounced = _announced != 0;
        ulong announcedAt = _announcedAt;
        if (isAnnounced)
        {
            actor = Device;
            _announced -= Math.Min(_announced, (uint)size);
            _announcedAt += (uint)size;
            if (_isOnlooker)
            {
                return;
            }

            if (_isSkipped)
            {
                Compare();
                return;
            }
        }

        ReadOnlySpan<byte> bytes = new ReadOnlySpan<byte>(&value, size);
        if (!TryFind(address, size, out Region? region, out ulong deviceAddress, out bool isDeviceView))
        {
            if (isAnnounced)
            {
                RecordElsewhere(kind, announcedAt, bytes, site);
            }

            return;
        }

        actor = isDeviceView ? Device : actor;
        if (kind == StepKind.Store)
        {
            region.Note(actor, deviceAddress, bytes);
        }
        else if (region.IsNews(deviceAddress, bytes))
        {
            // Somebody has stored it past the accessors, or elsewhere.
            _writer.Access(StepKind.Store, Driver, Clock(), deviceAddress, bytes);
            region.Note(Device, deviceAddress, bytes);
        }

        _writer.Access(kind, actor, Clock(), deviceAddress, bytes, isOrdered, site, Place());
        Compare();
    }

    /// <summary>A device's access to memory that is not followed: an indirect table, a header or a status.</summary>
    private void RecordElsewhere(StepKind kind, ulong address, ReadOnlySpan<byte> bytes, AccessSite site)
    {
        if (kind == StepKind.Load && InfersDriver)
        {
            _writer.Access(StepKind.Store, Driver, Clock(), address, bytes);
        }

        _writer.Access(kind, Device, Clock(), address, bytes, isOrdered: false, site, Place());
    }

    /// <summary>
    /// Records differences between memory and what is known of it as stores of the driver: what lies behind comes
    /// first, as the head of a chain and an index are written last.
    /// </summary>
    private void Infer(ulong address, uint length)
    {
        foreach (Region region in _regions)
        {
            ulong start = address - region.DeviceAddress;
            if (address >= region.DeviceAddress && start < region.Length && length <= region.Length - start)
            {
                InferFrom(region, (uint)start, length);
                return;
            }
        }
    }

    /// <summary>What an area holds when it comes up is one store, whoever made it in how many.</summary>
    private void Begin(ulong address, uint length)
    {
        foreach (Region region in _regions)
        {
            ulong offset = address - region.DeviceAddress;
            if (address < region.DeviceAddress
                || offset + length > region.Length
                || length > RecordingFormat.MostBytes)
            {
                continue;
            }

            ReadOnlySpan<byte> now = new ReadOnlySpan<byte>(region.Device + offset, (int)length);
            if (now.IndexOfAnyExcept((byte)0) >= 0)
            {
                _writer.Access(StepKind.Store, Driver, Clock(), address, now);
                now.CopyTo(region.SeenByDevice.AsSpan((int)offset));
            }
        }
    }

    private void InferFrom(Region region, uint offset, uint length)
    {
        byte[] known = region.SeenByDevice;
        ReadOnlySpan<byte> now = new ReadOnlySpan<byte>(region.Device, (int)region.Length);
        if (now.Slice((int)offset, (int)length).SequenceEqual(known.AsSpan((int)offset, (int)length)))
        {
            return;
        }

        for (uint start = (offset + length - 1) & ~(uint)(DescriptorLength - 1); ; start -= DescriptorLength)
        {
            uint first = Math.Max(start, offset);
            uint end = Math.Min(start + DescriptorLength, offset + length);
            Report(StepKind.Store, region, Driver, region.Device, known, first, end - first);
            if (start <= offset)
            {
                return;
            }
        }
    }

    private void Compare(Region region, int actor, byte* view, byte[] known) =>
        Report(StepKind.View, region, actor, view, known, 0, region.Length);

    /// <summary>Records the runs of bytes in which a view differs from what is known of it.</summary>
    private void Report(
        StepKind kind, Region region, int actor, byte* view, byte[] known, uint offset, uint length)
    {
        const int Together = 4;
        ReadOnlySpan<byte> now = new ReadOnlySpan<byte>(view, (int)region.Length);
        uint end = offset + length;
        while (offset < end)
        {
            int same = now[(int)offset..(int)end].CommonPrefixLength(known.AsSpan((int)offset, (int)(end - offset)));
            offset += (uint)same;
            if (offset >= end)
            {
                return;
            }

            // Fields are written whole: a run ends where an aligned word is the same again.
            uint start = offset & ~(uint)(Together - 1);
            uint stop = start;
            do
            {
                stop = Math.Min(stop + Together, end);
            }
            while (stop < end && !now[(int)stop..(int)Math.Min(stop + Together, end)].SequenceEqual(
                known.AsSpan((int)stop, (int)(Math.Min(stop + Together, end) - stop))));
            ReadOnlySpan<byte> bytes = now[(int)start..(int)stop];
            bytes.CopyTo(known.AsSpan((int)start));
            _writer.Access(kind, actor, Clock(), region.DeviceAddress + start, bytes);
            offset = stop;
        }
    }

    private RecordedQueue? QueueAt(ulong address, uint length) =>
        _queues.Find(queue => queue.Holds(address, length));

    private bool TryFind(
        byte* address,
        int size,
        [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out Region? found,
        out ulong deviceAddress,
        out bool isDeviceView)
    {
        foreach (Region region in _regions)
        {
            isDeviceView = region.Processor != region.Device && region.Holds(region.Device, address, size);
            if (isDeviceView || region.Holds(region.Processor, address, size))
            {
                found = region;
                deviceAddress = region.DeviceAddress
                    + (ulong)(address - (isDeviceView ? region.Device : region.Processor));
                return true;
            }
        }

        (found, deviceAddress, isDeviceView) = (null, 0, false);
        return false;
    }

    private int Place() => _findsPlaces && _writer.Dropped == 0 ? _writer.NumberOf(SourcePlaces.Find()) : 0;

    private void Uninstall() => Current = _inner;

    private sealed class Installed(MemoryRecorder recorder) : IDisposable
    {
        public void Dispose() => recorder.Uninstall();
    }

    /// <summary>Memory that is recorded, with what the recording knows of it.</summary>
    private sealed class Region(byte* processor, byte* device, ulong deviceAddress, uint length)
    {
        public byte* Processor { get; } = processor;

        public byte* Device { get; } = device;

        public ulong DeviceAddress { get; } = deviceAddress;

        public uint Length { get; } = length;

        public byte[] SeenByDriver { get; } = new byte[length];

        public byte[] SeenByDevice { get; } = new byte[length];

        public bool Holds(byte* view, byte* address, int size) =>
            address >= view && address + size <= view + Length;

        /// <summary>Whether bytes that both sides see alike are not those that are known.</summary>
        public bool IsNews(ulong at, ReadOnlySpan<byte> bytes) => Processor == Device
            && !bytes.SequenceEqual(SeenByDevice.AsSpan((int)(at - DeviceAddress), bytes.Length));

        /// <summary>A store is recorded: its actor is known to see it.</summary>
        public void Note(int actor, ulong at, ReadOnlySpan<byte> bytes)
        {
            int offset = (int)(at - DeviceAddress);
            bytes.CopyTo((Processor != Device && actor == Driver ? SeenByDriver : SeenByDevice).AsSpan(offset));
        }
    }
}
