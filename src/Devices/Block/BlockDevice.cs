using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Block;

/// <summary>
/// A block device over an array (virtio 1.4, 5.2). Of a zoned device it has what is read of it, not the requests.
/// </summary>
/// <remarks>
/// <para>
/// Failed reads give zeros instead of data, so that the status byte behind them is within the bytes that the driver is
/// told of and may trust.
/// </para>
/// <para>
/// What is written is in <see cref="Disk"/> at once, and in <see cref="Stable"/> once it is certain to survive: so a
/// loss of power can be had at any moment, with as much lost as the specification allows (virtio 1.4, 5.2.6.2).
/// </para>
/// </remarks>
public sealed class BlockDevice : VirtioDeviceModel
{
    /// <summary>The size of a sector in bytes.</summary>
    public const int SectorLength = 512;

    /// <summary>The size of the configuration space (virtio 1.4, 5.2.4).</summary>
    public const int ConfigurationSize = 96;

    /// <summary>What sectors hold that were given up: anything, but not what they held.</summary>
    public const byte DiscardedByte = 0xDD;

    private const int HeaderLength = 16;
    private const int IdLength = 20;
    private const int LifetimeLength = 6;
    private const int RangeLength = 16;
    private const uint UnmapFlag = 1;
    private const ulong LargestRequest = 64 << 20;

    private const uint TypeIn = 0;
    private const uint TypeOut = 1;
    private const uint TypeFlush = 4;
    private const uint TypeGetId = 8;
    private const uint TypeGetLifetime = 10;
    private const uint TypeDiscard = 11;
    private const uint TypeWriteZeroes = 13;
    private const uint TypeSecureErase = 14;

    private const int SegmentMaximumOffset = 12;
    private const int BlockSizeOffset = 20;
    private const int WritebackOffset = 32;
    private const int QueueCountOffset = 34;
    private const int DiscardOffset = 36;
    private const int WriteZeroesOffset = 48;
    private const int MayUnmapOffset = 56;
    private const int SecureEraseOffset = 60;
    private const int ZoneModelOffset = 92;

    private readonly byte[] _id = new byte[IdLength];
    private readonly BlockStore? _store;
    private byte[] _disk;
    private byte[] _stable;
    private byte[] _transfer = new byte[4096];

    /// <summary>Creates a device over a disk of zeros.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="sectors">How many sectors the disk has; may be 0.</param>
    /// <param name="queueCount">How many request queues there are; more than one is offered as MQ.</param>
    /// <param name="configurationLength">
    /// After how many bytes its configuration space ends, 0 to <see cref="ConfigurationSize"/>: short of a field that
    /// it offers the feature of, or of the capacity, is a fault.
    /// </param>
    public BlockDevice(
        GuestMemory memory, int sectors, int queueCount = 1, int configurationLength = ConfigurationSize)
        : base(2, queueCount, configurationLength, memory)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(queueCount, 1);
        _disk = new byte[sectors * SectorLength];
        _stable = new byte[_disk.Length];
        OfferedFeatures |= BlockFeature.SegmentMaximum | BlockFeature.BlockSize | BlockFeature.Flush
            | (queueCount > 1 ? BlockFeature.MultiQueue : 0);
        Span<byte> fields = stackalloc byte[ConfigurationSize];
        BinaryPrimitives.WriteUInt64LittleEndian(fields, (ulong)sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[SegmentMaximumOffset..], 126);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[BlockSizeOffset..], SectorLength);
        fields[WritebackOffset] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(fields[QueueCountOffset..], (ushort)queueCount);
        fields[..configurationLength].CopyTo(ConfigurationStore);
        Id = "virtioguest";
    }

    /// <summary>Creates a device over what is stored elsewhere.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="store">What the disk holds; a part of a sector at its end is left out.</param>
    /// <param name="queueCount">How many request queues there are; more than one is offered as MQ.</param>
    public BlockDevice(GuestMemory memory, BlockStore store, int queueCount = 1)
        : this(memory, 0, queueCount)
    {
        ArgumentNullException.ThrowIfNull(store);
        _store = store;
        BinaryPrimitives.WriteUInt64LittleEndian(ConfigurationStore, store.Length / SectorLength);
    }

    /// <summary>What the disk holds, where it is over an array.</summary>
    public Span<byte> Disk => _disk;

    /// <summary>What it would hold after a loss of power.</summary>
    public ReadOnlySpan<byte> Stable => _stable;

    /// <summary>How many flushes were carried out.</summary>
    public int Flushes { get; private set; }

    /// <summary>Who makes requests fail; null for nobody.</summary>
    public BlockFaults? Faults { get; set; }

    /// <summary>
    /// Whether a driver is found out whose requests are not a header of 16 bytes, data in the direction of the type,
    /// and a status of one byte, each in elements of its own: what simple devices take for granted, although any layout
    /// is allowed (virtio 1.4, 2.7.4 and 5.2.6).
    /// </summary>
    public bool ExpectsUsualLayout { get; set; }

    /// <summary>Whether requests come back without a status: a fault.</summary>
    public bool WritesNoStatus { get; set; }

    /// <summary>Whether the cache mode stays what it is, whatever the driver writes: a fault.</summary>
    public bool KeepsCacheMode { get; set; }

    /// <summary>
    /// Whether requests fail that are not for whole blocks: the specification calls the size advice (5.2.5), but
    /// devices do.
    /// </summary>
    public bool RefusesParts { get; set; }

    /// <summary>The cache mode after a reset.</summary>
    public bool StartsInWriteback { get; set; } = true;

    /// <summary>What GET_LIFETIME tells, in the order of its fields.</summary>
    public (ushort PreEolInfo, ushort EstimateA, ushort EstimateB) Lifetime { get; set; } = (1, 3, 0);

    /// <summary>The most data segments that a request may have, as the driver is told. Set before it comes.</summary>
    public uint SegmentMaximum
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(Configuration[SegmentMaximumOffset..]);
        set => BinaryPrimitives.WriteUInt32LittleEndian(ConfigurationStore[SegmentMaximumOffset..], value);
    }

    /// <summary>The block size in bytes, as the driver is told. Set before it comes.</summary>
    public uint BlockSize
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(Configuration[BlockSizeOffset..]);
        set => BinaryPrimitives.WriteUInt32LittleEndian(ConfigurationStore[BlockSizeOffset..], value);
    }

    /// <summary>Whether writes complete before they are stable, where the driver can choose (CONFIG_WCE).</summary>
    public bool IsWriteback => Configuration.Length > WritebackOffset && Configuration[WritebackOffset] != 0;

    /// <summary>The device's ID string, ASCII, at most 20 characters.</summary>
    public string Id
    {
        get => System.Text.Encoding.ASCII.GetString(_id).TrimEnd('\0');
        set
        {
            ArgumentNullException.ThrowIfNull(value);
            ArgumentOutOfRangeException.ThrowIfGreaterThan(value.Length, IdLength);
            Array.Clear(_id);
            System.Text.Encoding.ASCII.GetBytes(value, _id);
        }
    }

    /// <inheritdoc/>
    protected override ulong TypeFeatures => BlockFeature.All;

    /// <summary>Whether a completed write is stable (virtio 1.4, 5.2.6.2).</summary>
    private bool IsWritethrough => (DriverFeatures & BlockFeature.ConfigWce) != 0
        ? !IsWriteback
        : (DriverFeatures & BlockFeature.Flush) == 0;

    /// <summary>
    /// Offers one of the requests over ranges: DISCARD, WRITE_ZEROES or SECURE_ERASE. Before the driver comes.
    /// </summary>
    /// <param name="feature">Its feature.</param>
    /// <param name="sectors">The most sectors of a range.</param>
    /// <param name="segments">The most ranges of a request.</param>
    /// <param name="alignment">The alignment that it tells, in sectors; WRITE_ZEROES has none.</param>
    public void OfferRanges(ulong feature, uint sectors, uint segments, uint alignment = 1)
    {
        OfferedFeatures |= feature;
        Span<byte> fields = ConfigurationStore[OffsetOf(feature)..];
        BinaryPrimitives.WriteUInt32LittleEndian(fields, sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], segments);
        if (feature == BlockFeature.WriteZeroes)
        {
            ConfigurationStore[MayUnmapOffset] = 1;
        }
        else
        {
            BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], alignment);
        }
    }

    /// <summary>Offers ZONED. Before the driver comes.</summary>
    /// <param name="model">0 for none, 1 for host-managed, 2 for host-aware.</param>
    /// <param name="zoneSectors">The size of a zone in sectors.</param>
    public void OfferZones(byte model, uint zoneSectors)
    {
        OfferedFeatures |= BlockFeature.Zoned;
        Span<byte> fields = ConfigurationStore[72..];
        BinaryPrimitives.WriteUInt32LittleEndian(fields, zoneSectors);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[4..], 8);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[8..], 16);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[12..], 64);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[16..], 4096);
        ConfigurationStore[ZoneModelOffset] = model;
    }

    /// <summary>Changes the disk's size; what is cut off is lost, what is added is zero.</summary>
    public void Resize(int sectors)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sectors);
        if (_store != null)
        {
            throw new InvalidOperationException("The size of the disk is that of its store.");
        }

        ChangeConfiguration(() =>
        {
            Array.Resize(ref _disk, sectors * SectorLength);
            Array.Resize(ref _stable, sectors * SectorLength);
            BinaryPrimitives.WriteUInt64LittleEndian(ConfigurationStore, (ulong)sectors);
        });
    }

    /// <summary>Loses what is not stable, as if power had failed. The driver is to reset the device next.</summary>
    public void LosePower() => _stable.CopyTo(_disk, 0);

    /// <inheritdoc/>
    protected override bool AcceptsFeatures(ulong features)
    {
        // A driver that does not know zones must not write to a device that has to be written in their order.
        bool isHostManaged = (OfferedFeatures & BlockFeature.Zoned) != 0 && Configuration[ZoneModelOffset] == 1;
        if (isHostManaged && (features & BlockFeature.Zoned) == 0)
        {
            return false;
        }

        bool hasCacheMode = (features & BlockFeature.ConfigWce) != 0 && Configuration.Length > WritebackOffset;
        if (hasCacheMode && (features & BlockFeature.Flush) == 0)
        {
            ConfigurationStore[WritebackOffset] = 0;
        }

        return base.AcceptsFeatures(features);
    }

    /// <inheritdoc/>
    protected override bool TakesConfiguration(uint offset, int width, uint value)
    {
        bool isCacheMode = offset == WritebackOffset && width == 1 && value <= 1
            && (Status & StatusBit.FeaturesOk) != 0 && (DriverFeatures & BlockFeature.ConfigWce) != 0;
        if (isCacheMode && !KeepsCacheMode)
        {
            ConfigurationStore[WritebackOffset] = (byte)value;
        }

        return isCacheMode;
    }

    /// <inheritdoc/>
    protected override void OnReset()
    {
        if (Configuration.Length > WritebackOffset)
        {
            ConfigurationStore[WritebackOffset] = StartsInWriteback ? (byte)1 : (byte)0;
        }
    }

    /// <inheritdoc/>
    protected override bool Serve(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        if (!chain.TryRead(0, header) || chain.WritableLength == 0
            || chain.ReadableLength + chain.WritableLength > LargestRequest)
        {
            Report(DriverRule.RequestForm, $"a request has {chain.ReadableLength} + {chain.WritableLength} bytes");
            SetNeedsReset("a request has no header, no place for its status, or more than 64 MiB");
            return true;
        }

        uint type = BinaryPrimitives.ReadUInt32LittleEndian(header);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        if (ExpectsUsualLayout && !HasUsualLayout(chain.Elements, type))
        {
            Report(DriverRule.RequestForm, $"a request of type {type} does not have the usual layout");
        }

        ulong length = type == TypeOut ? chain.ReadableLength - HeaderLength : chain.WritableLength - 1;
        BlockStatus status = Faults?.Fault(type, sector, length) ?? CarryOut(chain, type, sector, length);
        if (status != BlockStatus.Ok && chain.WritableLength > 1)
        {
            chain.TryWrite(0, Transfer(chain.WritableLength - 1, true));
        }

        ulong written = chain.WritableLength - 1;
        if (!WritesNoStatus)
        {
            chain.TryWrite(written, [(byte)status]);
            written++;
        }

        queue.Finish(chain, (uint)written, mayShorten: true);
        return true;
    }

    private static bool HasUsualLayout(ReadOnlySpan<ChainElement> elements, uint type)
    {
        bool isFramed = elements.Length >= 2
            && elements[0] is { IsWritable: false, Length: HeaderLength }
            && elements[^1] is { IsWritable: true, Length: 1 };
        if (!isFramed || (type == TypeFlush && elements.Length != 2))
        {
            return false;
        }

        foreach (ChainElement data in elements[1..^1])
        {
            if (data.IsWritable != (type is TypeIn or TypeGetId or TypeGetLifetime))
            {
                return false;
            }
        }

        return true;
    }

    private BlockStatus CarryOut(DeviceChain chain, uint type, ulong sector, ulong length)
    {
        switch (type)
        {
            case TypeIn:
                return Has(sector, length) && chain.TryWrite(0, Range(sector, length))
                    ? BlockStatus.Ok
                    : BlockStatus.IoError;
            case TypeOut:
                return Write(chain, sector, length);
            case TypeFlush when (DriverFeatures & BlockFeature.Flush) != 0:
                ReportUnless(sector == 0 && chain.ReadableLength == HeaderLength, "a flush has a sector or data");
                Flushes++;
                _store?.Flush();
                _disk.CopyTo(_stable, 0);
                return BlockStatus.Ok;
            case TypeGetId:
                ReportUnless(length == IdLength, $"GET_ID has {length} bytes");
                return length >= IdLength && chain.TryWrite(0, _id) ? BlockStatus.Ok : BlockStatus.IoError;
            case TypeGetLifetime when (DriverFeatures & BlockFeature.Lifetime) != 0:
                return TellLifetime(chain, length);
            case TypeDiscard when (DriverFeatures & BlockFeature.Discard) != 0:
                return ServeRanges(chain, type, DiscardOffset);
            case TypeWriteZeroes when (DriverFeatures & BlockFeature.WriteZeroes) != 0:
                return ServeRanges(chain, type, WriteZeroesOffset);
            case TypeSecureErase when (DriverFeatures & BlockFeature.SecureErase) != 0:
                return ServeRanges(chain, type, SecureEraseOffset);
            default:
                return BlockStatus.Unsupported;
        }
    }

    private BlockStatus TellLifetime(DeviceChain chain, ulong length)
    {
        Span<byte> fields = stackalloc byte[LifetimeLength];
        BinaryPrimitives.WriteUInt16LittleEndian(fields, Lifetime.PreEolInfo);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[2..], Lifetime.EstimateA);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[4..], Lifetime.EstimateB);
        return length >= LifetimeLength && chain.TryWrite(0, fields) ? BlockStatus.Ok : BlockStatus.IoError;
    }

    /// <summary>Carries out a discard, a write of zeroes or a secure erase, range after range.</summary>
    /// <param name="chain">The request.</param>
    /// <param name="type">Its type.</param>
    /// <param name="limits">Where its limits are in the configuration.</param>
    private BlockStatus ServeRanges(DeviceChain chain, uint type, int limits)
    {
        ulong length = chain.ReadableLength - HeaderLength;
        uint mostSectors = BinaryPrimitives.ReadUInt32LittleEndian(Configuration[limits..]);
        uint mostRanges = BinaryPrimitives.ReadUInt32LittleEndian(Configuration[(limits + 4)..]);
        bool isSound = length != 0 && length % RangeLength == 0 && length / RangeLength <= mostRanges;
        ReportUnless(isSound, $"a request of type {type} has {length} bytes of ranges, of {mostRanges} ranges at most");
        if (!isSound || IsReadOnly)
        {
            return BlockStatus.IoError;
        }

        Span<byte> range = stackalloc byte[RangeLength];
        for (ulong offset = HeaderLength; offset < chain.ReadableLength; offset += RangeLength)
        {
            chain.TryRead(offset, range);
            ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(range);
            uint sectors = BinaryPrimitives.ReadUInt32LittleEndian(range[8..]);
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(range[12..]);
            ReportUnless((flags & ~UnmapFlag) == 0, $"a range has the flags {flags:x}");
            ReportUnless(type != TypeDiscard || (flags & UnmapFlag) == 0, "a discard has the unmap flag");
            if ((flags & ~UnmapFlag) != 0 || (type == TypeDiscard && flags != 0))
            {
                return BlockStatus.Unsupported;
            }

            if (sectors > mostSectors || !Has(sector, (ulong)sectors * SectorLength))
            {
                return BlockStatus.IoError;
            }

            Clear(type, sector, (ulong)sectors * SectorLength);
        }

        return BlockStatus.Ok;
    }

    private void Clear(uint type, ulong sector, ulong length)
    {
        Range(sector, length).Fill(type == TypeDiscard ? DiscardedByte : (byte)0);
        if (type == TypeSecureErase || IsWritethrough)
        {
            Settle(sector, length);
        }
    }

    private void ReportUnless(bool isSound, string text)
    {
        if (!isSound)
        {
            Report(DriverRule.RequestForm, text);
        }
    }

    private BlockStatus Write(DeviceChain chain, ulong sector, ulong length)
    {
        if (IsReadOnly || !Has(sector, length))
        {
            return BlockStatus.IoError;
        }

        Span<byte> data = Transfer(length, false);
        if (!chain.TryRead(HeaderLength, data))
        {
            return BlockStatus.IoError;
        }

        data.CopyTo(Range(sector, length));
        if (IsWritethrough)
        {
            Settle(sector, length);
        }

        return BlockStatus.Ok;
    }

    /// <summary>Makes what the disk holds certain to survive.</summary>
    private void Settle(ulong sector, ulong length)
    {
        if (_store != null)
        {
            _store.Flush();
            return;
        }

        Range(sector, length).CopyTo(_stable.AsSpan((int)sector * SectorLength, (int)length));
    }

    private bool Has(ulong sector, ulong length)
    {
        ulong sectors = (_store?.Length ?? (ulong)_disk.Length) / SectorLength;
        ulong unit = RefusesParts ? BlockSize : SectorLength;
        return length % unit == 0 && (!RefusesParts || sector % (unit / SectorLength) == 0)
            && sector <= sectors && length / SectorLength <= sectors - sector;
    }

    /// <summary>
    /// The device is read-only because it offers the feature, whether or not the driver knows it (5.2.6.2).
    /// </summary>
    private bool IsReadOnly => (OfferedFeatures & BlockFeature.ReadOnly) != 0;

    private static int OffsetOf(ulong feature) => feature switch
    {
        BlockFeature.Discard => DiscardOffset,
        BlockFeature.WriteZeroes => WriteZeroesOffset,
        BlockFeature.SecureErase => SecureEraseOffset,
        _ => throw new ArgumentOutOfRangeException(nameof(feature)),
    };

    private Span<byte> Range(ulong sector, ulong length) => _store != null
        ? _store.Range(sector * SectorLength, (int)length)
        : _disk.AsSpan((int)sector * SectorLength, (int)length);

    /// <summary>Scratch memory, at least as large as the largest request so far.</summary>
    private Span<byte> Transfer(ulong length, bool isCleared)
    {
        if (length > (ulong)_transfer.Length)
        {
            _transfer = new byte[length];
        }

        Span<byte> transfer = _transfer.AsSpan(0, (int)length);
        if (isCleared)
        {
            transfer.Clear();
        }

        return transfer;
    }
}

/// <summary>The features of block devices that the model can handle, as masks (virtio 1.4, 5.2.3).</summary>
public static class BlockFeature
{
    /// <summary>VIRTIO_BLK_F_SIZE_MAX.</summary>
    public const ulong SizeMaximum = 1UL << 1;

    /// <summary>VIRTIO_BLK_F_SEG_MAX.</summary>
    public const ulong SegmentMaximum = 1UL << 2;

    /// <summary>VIRTIO_BLK_F_GEOMETRY.</summary>
    public const ulong Geometry = 1UL << 4;

    /// <summary>VIRTIO_BLK_F_RO.</summary>
    public const ulong ReadOnly = 1UL << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE.</summary>
    public const ulong BlockSize = 1UL << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH.</summary>
    public const ulong Flush = 1UL << 9;

    /// <summary>VIRTIO_BLK_F_TOPOLOGY.</summary>
    public const ulong Topology = 1UL << 10;

    /// <summary>VIRTIO_BLK_F_CONFIG_WCE.</summary>
    public const ulong ConfigWce = 1UL << 11;

    /// <summary>VIRTIO_BLK_F_MQ.</summary>
    public const ulong MultiQueue = 1UL << 12;

    /// <summary>VIRTIO_BLK_F_DISCARD.</summary>
    public const ulong Discard = 1UL << 13;

    /// <summary>VIRTIO_BLK_F_WRITE_ZEROES.</summary>
    public const ulong WriteZeroes = 1UL << 14;

    /// <summary>VIRTIO_BLK_F_LIFETIME.</summary>
    public const ulong Lifetime = 1UL << 15;

    /// <summary>VIRTIO_BLK_F_SECURE_ERASE.</summary>
    public const ulong SecureErase = 1UL << 16;

    /// <summary>VIRTIO_BLK_F_ZONED.</summary>
    public const ulong Zoned = 1UL << 17;

    internal const ulong All = SizeMaximum | SegmentMaximum | Geometry | ReadOnly | BlockSize | Flush | Topology
        | ConfigWce | MultiQueue | Discard | WriteZeroes | Lifetime | SecureErase | Zoned;
}

/// <summary>How a request ended (virtio 1.4, 5.2.6).</summary>
public enum BlockStatus
{
    /// <summary>VIRTIO_BLK_S_OK.</summary>
    Ok = 0,

    /// <summary>VIRTIO_BLK_S_IOERR.</summary>
    IoError = 1,

    /// <summary>VIRTIO_BLK_S_UNSUPP.</summary>
    Unsupported = 2,
}

/// <summary>Where a disk's content is, if not in an array: a file, say.</summary>
public abstract class BlockStore
{
    /// <summary>Its size in bytes; it stays the same.</summary>
    public abstract ulong Length { get; }

    /// <summary>A part of the content, for reading and writing.</summary>
    /// <param name="offset">Its first byte.</param>
    /// <param name="length">How many bytes; the part lies within the content.</param>
    public abstract Span<byte> Range(ulong offset, int length);

    /// <summary>Makes what was written before certain to survive a loss of power.</summary>
    public abstract void Flush();
}

/// <summary>Decides which requests of a block device fail.</summary>
public abstract class BlockFaults
{
    /// <summary>Asked before a request is carried out.</summary>
    /// <param name="type">The request's type (virtio 1.4, 5.2.6).</param>
    /// <param name="sector">Where it begins.</param>
    /// <param name="length">How many bytes of data it has.</param>
    /// <returns>The status to fail it with, or null to carry it out.</returns>
    public abstract BlockStatus? Fault(uint type, ulong sector, ulong length);
}
