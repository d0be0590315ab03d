using System;
using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>
/// A block device (virtio 1.4, 5.2): what it is and what it can do. Requests go through its queues
/// (<see cref="BlockQueue"/>).
/// </summary>
public sealed class VirtioBlock : VirtioDevice
{
    /// <summary>The unit of sector numbers in bytes, whatever the block size (virtio 1.4, 5.2.5).</summary>
    public const int SectorSize = 512;

    /// <summary>The most queues that the driver can be told to use.</summary>
    public const int MaximumQueueCount = 64;

    /// <summary>The length of what a device calls itself, in bytes; shorter names end with zeros.</summary>
    public const uint IdLength = 20;

    /// <summary>
    /// The most bytes that a request can have: with its header and its status they have to stay below 4 GiB
    /// (virtio 1.4, 2.7.5.2), and they come in sectors.
    /// </summary>
    internal const uint MaximumRequestLength = uint.MaxValue - SectorSize + 1;

    /// <summary>
    /// Up to so many data segments are taken where there are indirect tables: 256 KiB in pages that lie anywhere.
    /// </summary>
    private const int UsualSegments = 64;

    private readonly BlockQueue[] _queues;
    private BlockConfiguration _read;
    private BlockConfiguration _configuration;
    private BlockZones _zones;

    /// <summary>Describes a block device; touches nothing of it.</summary>
    /// <param name="transport">The way to a device of type <see cref="DeviceTypes.Block"/>.</param>
    /// <param name="name">What the owner calls it, for example <c>disk0</c>.</param>
    /// <param name="owner">Who is told of interrupts; completions may be waiting then.</param>
    /// <param name="queues">
    /// How many queues the owner has a use for, 1 to <see cref="MaximumQueueCount"/>; the device may have fewer.
    /// </param>
    /// <exception cref="ArgumentOutOfRangeException">There can be no such number of queues.</exception>
    public VirtioBlock(VirtioTransport transport, string name, DeviceEventSink owner, int queues = 1)
        : this(DriverRegistry.Find(DeviceTypes.Block)!, transport, name, owner, queues)
    {
    }

    internal VirtioBlock(
        VirtioDriver driver, VirtioTransport transport, string name, DeviceEventSink owner, int queues = 1)
        : base(driver, transport, name, owner, NameQueues(queues))
    {
        _queues = new BlockQueue[queues];
        for (int i = 0; i < queues; i++)
        {
            _queues[i] = new BlockQueue(this, i);
        }
    }

    /// <summary>How many queues are in use, at least 1 once the device has been started.</summary>
    public int QueueCount { get; private set; }

    /// <summary>
    /// The size in sectors of 512 bytes; may be 0, and changes in <see cref="VirtioDevice.ObserveChange"/>. Where 64
    /// bits are two reads, it is for whoever has the device for himself.
    /// </summary>
    public ulong Capacity => _configuration.Capacity;

    /// <summary>
    /// The block size in bytes: a power of two, 512 to 2 MiB. It is said to be advice (virtio 1.4, 5.2.5), but devices
    /// fail requests that are not for whole blocks, so that they are not submitted.
    /// </summary>
    public uint BlockSize => _configuration.BlkSize;

    /// <summary>How requests are best aligned, and how long they are best; zeros without such hints.</summary>
    public BlockTopology Topology => _configuration.Topology;

    /// <summary>The geometry; zeros without one.</summary>
    public BlockGeometry Geometry => _configuration.Geometry;

    /// <summary>What a device with zones says of itself.</summary>
    public BlockZones Zones => _zones;

    /// <summary>Whether writes are refused.</summary>
    public bool IsReadOnly => Has(BlockDriver.ReadOnly);

    /// <summary>Whether there is a flush; without one, completed writes are durable.</summary>
    public bool HasFlush => Has(BlockDriver.Flush);

    /// <summary>Whether the device tells how worn it is.</summary>
    public bool HasLifetime => Has(BlockDriver.Lifetime);

    /// <summary>Whether <see cref="TrySetWriteback"/> can change the cache mode.</summary>
    public bool CanSetWriteback => Has(BlockDriver.ConfigWce);

    /// <summary>
    /// Whether completed writes are durable only once a flush is completed (virtio 1.4, 5.2.6.2). The device may change
    /// it, which <see cref="VirtioDevice.ObserveChange"/> finds.
    /// </summary>
    public bool IsWriteback => _configuration.IsWriteback;

    /// <summary>
    /// Whether a write of zeroes may deallocate sectors; changes in <see cref="VirtioDevice.ObserveChange"/>.
    /// </summary>
    public bool MayUnmap => _configuration.MayUnmap;

    /// <summary>The longest data segment in bytes, at least 1.</summary>
    public uint MaximumSegmentLength => _configuration.SizeMax;

    /// <inheritdoc/>
    protected override Features ImplementedFeatures => BlockDriver.Implemented;

    /// <inheritdoc/>
    protected override int UsedQueueCount => QueueCount;

    /// <inheritdoc/>
    protected override int PreferredQueueSize => 256;

    /// <inheritdoc/>
    protected override ChainShape ChainShape =>
        new ChainShape(UsualSegments + BlockQueue.FixedDescriptors, BlockQueue.HeaderLength, BlockQueue.StatusLength);

    /// <inheritdoc/>
    protected override bool HasUnfinished
    {
        get
        {
            foreach (BlockQueue queue in _queues)
            {
                if (queue.HasUnfinished)
                {
                    return true;
                }
            }

            return false;
        }
    }

    /// <summary>A queue, the same through all lives of the device.</summary>
    /// <param name="index">From 0; those from <see cref="QueueCount"/> on take nothing.</param>
    public new BlockQueue Queue(int index) => _queues[index];

    /// <summary>What a request over ranges may have; all zeros where the device offers none.</summary>
    /// <param name="operation">A discard, a write of zeroes or a secure erase; no other has ranges.</param>
    public BlockLimits LimitsOf(BlockOperation operation) => operation switch
    {
        BlockOperation.Discard => _configuration.Discard,
        BlockOperation.WriteZeroes => _configuration.WriteZeroes,
        BlockOperation.SecureErase => _configuration.SecureErase,
        _ => default,
    };

    /// <summary>
    /// Sets the cache mode (virtio 1.4, 5.2.5). The caller has the device for himself. Writes that completed before
    /// writeback was turned off are durable only once a flush behind them is completed (5.2.6.1).
    /// </summary>
    /// <param name="isWriteback">Whether writes may complete before they are durable.</param>
    /// <returns>
    /// Ok where the device has that mode now; Unsupported where it keeps the other one, NotOffered where it lets nobody
    /// change it, NotRunning.
    /// </returns>
    public BlockStatus TrySetWriteback(bool isWriteback)
    {
        if (State != DeviceState.Running)
        {
            return BlockStatus.NotRunning;
        }

        if (!CanSetWriteback)
        {
            return BlockStatus.NotOffered;
        }

        Transport.WriteConfiguration8(BlockConfiguration.WritebackOffset, isWriteback ? (byte)1 : (byte)0);
        ObserveChange();
        return State != DeviceState.Running ? BlockStatus.NotRunning
            : IsWriteback == isWriteback ? BlockStatus.Ok : BlockStatus.Unsupported;
    }

    /// <summary>What a device wrote for <see cref="BlockOperation.GetId"/>, as far as it can be shown.</summary>
    /// <param name="bytes">What it wrote.</param>
    public static string ParseId(ReadOnlySpan<byte> bytes)
    {
        int length = 0;
        char[] characters = new char[bytes.Length];
        while (length < bytes.Length && bytes[length] != 0)
        {
            characters[length] = bytes[length] is >= (byte)' ' and <= (byte)'~' ? (char)bytes[length] : '?';
            length++;
        }

        return new string(characters, 0, length);
    }

    /// <inheritdoc/>
    protected override Features RefuseFeatures(Features offered) =>
        offered & BlockConfiguration.FeaturesWithoutField(Transport, offered);

    /// <inheritdoc/>
    protected override Failure? CheckOffer(Features offered)
    {
        _zones = BlockConfiguration.ReadZones(Transport, offered);
        return _zones.Model == BlockZoneModel.HostManaged
            ? new Failure("is zoned and host-managed: it takes writes in the order of its zones only")
            : null;
    }

    /// <inheritdoc/>
    protected override Failure? ReadConfiguration() => _read.Read(Transport, Features);

    /// <inheritdoc/>
    protected override void AcceptConfiguration()
    {
        _configuration = _read;
        int offered = Math.Min(_configuration.NumQueues, Transport.QueueCount);
        QueueCount = Math.Min(_queues.Length, Math.Max(offered, 1));
    }

    /// <inheritdoc/>
    protected override void AcceptChange()
    {
        _configuration.Change(_read);
        Permit();
    }

    /// <inheritdoc/>
    protected override Failure? SetUp()
    {
        for (int i = 0; i < QueueCount; i++)
        {
            Failure? failure = Use(_queues[i]);
            if (failure != null)
            {
                return failure;
            }
        }

        return null;
    }

    /// <inheritdoc/>
    protected override void Clear()
    {
        foreach (BlockQueue queue in _queues)
        {
            queue.Clear();
        }
    }

    /// <inheritdoc/>
    protected override void OnStateChange() => Permit();

    /// <inheritdoc/>
    protected internal override Counter[] ReadCounters()
    {
        ulong reads = 0, writes = 0, flushes = 0, discards = 0, zeroWrites = 0, erases = 0, errors = 0;
        foreach (BlockQueue queue in _queues)
        {
            reads += queue.Reads;
            writes += queue.Writes;
            flushes += queue.Flushes;
            discards += queue.Discards;
            zeroWrites += queue.ZeroWrites;
            erases += queue.Erases;
            errors += queue.Errors;
        }

        List<Counter> counters = new List<Counter>
        {
            new Counter("reads", reads),
            new Counter("writes", writes),
            new Counter("flushes", flushes),
        };
        AddWhereOffered(counters, BlockDriver.Discard, "discards", discards);
        AddWhereOffered(counters, BlockDriver.WriteZeroes, "writes of zeroes", zeroWrites);
        AddWhereOffered(counters, BlockDriver.SecureErase, "secure erases", erases);
        counters.Add(new Counter("errors", errors));
        return counters.ToArray();
    }

    /// <inheritdoc/>
    protected internal override string[] ReadDetails()
    {
        List<string> details = new List<string>
        {
            "blocks: " + Number(BlockSize) + " bytes" + DescribeTopology(),
            "requests: up to " + Number((ulong)_queues[0].MaximumSegments) + " segments"
                + (MaximumSegmentLength == uint.MaxValue ? "" : " of " + Number(MaximumSegmentLength) + " bytes"),
            "cache: " + (IsWriteback ? "writeback" : "writethrough") + (CanSetWriteback ? ", can be changed" : ""),
        };
        if (Has(BlockDriver.Geometry))
        {
            BlockGeometry geometry = Geometry;
            details.Add("geometry: " + Number(geometry.Cylinders) + " cylinders, " + Number(geometry.Heads)
                + " heads, " + Number(geometry.Sectors) + " sectors");
        }

        AddLimits(details, "discard", BlockOperation.Discard, "");
        AddLimits(details, "write zeroes", BlockOperation.WriteZeroes, MayUnmap ? ", may unmap" : ", does not unmap");
        AddLimits(details, "secure erase", BlockOperation.SecureErase, "");
        if ((Offered & BlockDriver.Zoned) != 0)
        {
            details.Add("zones: " + DescribeZones());
        }

        return details.ToArray();
    }

    /// <summary>Resets a queue's ring, where the device can.</summary>
    internal bool TryResetRing(int index) => ResetQueue(index);

    /// <summary>Puts an empty ring in the place of a queue's that was reset.</summary>
    internal bool TryReplaceRing(BlockQueue queue, int size)
    {
        if (!ReplaceQueue(queue.Index, size))
        {
            return false;
        }

        Failure? failure = Use(queue);
        if (failure != null)
        {
            Fail(failure);
        }

        Permit();
        return failure == null;
    }

    private static string Number(ulong value) => DecimalText.Of(value);

    private static string[] NameQueues(int count)
    {
        if (count < 1 || count > MaximumQueueCount)
        {
            throw new ArgumentOutOfRangeException(nameof(count));
        }

        string[] names = new string[count];
        for (int i = 0; i < count; i++)
        {
            names[i] = "requestq" + DecimalText.Of((ulong)i + 1);
        }

        return names;
    }

    /// <summary>Has a queue use the ring that was made for it.</summary>
    private Failure? Use(BlockQueue queue)
    {
        Failure? failure = queue.Use(base.Queue(queue.Index), _configuration);

        // A block that no request can hold is no advice to follow.
        if ((ulong)queue.MaximumSegments * MaximumSegmentLength < BlockSize)
        {
            _configuration.BlkSize = SectorSize;
        }

        return failure;
    }

    private void Permit()
    {
        foreach (BlockQueue queue in _queues)
        {
            queue.Permit(_configuration, IsReadOnly);
        }
    }

    private void AddWhereOffered(List<Counter> counters, Features feature, string name, ulong value)
    {
        if (Has(feature))
        {
            counters.Add(new Counter(name, value));
        }
    }

    private void AddLimits(List<string> details, string name, BlockOperation operation, string more)
    {
        BlockLimits limits = LimitsOf(operation);
        if (limits.MaximumRanges != 0)
        {
            string sectors = limits.MaximumSectors == uint.MaxValue
                ? "any number of"
                : "up to " + Number(limits.MaximumSectors);
            string alignment = limits.SectorAlignment == 1 ? "" : ", best aligned to " + Number(limits.SectorAlignment);
            details.Add(name + ": up to " + Number((ulong)limits.MaximumRanges) + " ranges of " + sectors + " sectors"
                + alignment + more);
        }
    }

    private string DescribeTopology()
    {
        if (!Has(BlockDriver.Topology))
        {
            return "";
        }

        BlockTopology topology = Topology;
        return ", " + Number(1UL << topology.PhysicalBlockExponent) + " in a physical one, the first at "
            + Number(topology.AlignmentOffset) + "; best " + Number(topology.MinimumIoSize) + " to "
            + Number(topology.OptimalIoSize) + " at a time";
    }

    private string DescribeZones()
    {
        BlockZones zones = Zones;
        string model = zones.Model switch
        {
            BlockZoneModel.None => "none",
            BlockZoneModel.HostManaged => "host-managed",
            BlockZoneModel.HostAware => "host-aware",
            _ => "model " + Number((ulong)zones.Model),
        };
        return zones.Model == BlockZoneModel.None
            ? model
            : model + ", of " + Number(zones.ZoneSectors) + " sectors, up to " + Number(zones.MaximumOpenZones)
                + " open and " + Number(zones.MaximumActiveZones) + " active, appends up to "
                + Number(zones.MaximumAppendSectors) + " sectors, writes in " + Number(zones.WriteGranularity)
                + " bytes";
    }
}
