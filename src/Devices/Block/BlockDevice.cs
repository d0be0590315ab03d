using System;
using System.Buffers.Binary;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Block;

/// <summary>
/// A block device over an array (virtio 1.4, 5.2): IN, OUT, FLUSH and GET_ID; other requests are unsupported.
/// </summary>
/// <remarks>
/// Failed reads give zeros instead of data, so that the status byte behind them is within the bytes that the driver is
/// told of and may trust.
/// </remarks>
public sealed class BlockDevice : VirtioDeviceModel
{
    /// <summary>The size of a sector in bytes.</summary>
    public const int SectorLength = 512;

    /// <summary>The size of the configuration space (virtio 1.4, 5.2.4), up to its fields for discarding.</summary>
    public const int ConfigurationSize = 60;

    private const int HeaderLength = 16;
    private const int IdLength = 20;
    private const ulong LargestRequest = 64 << 20;

    private const uint TypeIn = 0;
    private const uint TypeOut = 1;
    private const uint TypeFlush = 4;
    private const uint TypeGetId = 8;

    private readonly byte[] _id = new byte[IdLength];
    private byte[] _disk;
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
        OfferedFeatures |= BlockFeature.SegmentMaximum | BlockFeature.BlockSize | BlockFeature.Flush
            | (queueCount > 1 ? BlockFeature.MultiQueue : 0);
        Span<byte> fields = stackalloc byte[ConfigurationSize];
        BinaryPrimitives.WriteUInt64LittleEndian(fields, (ulong)sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[12..], 126);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[20..], SectorLength);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[34..], (ushort)queueCount);
        fields[..configurationLength].CopyTo(ConfigurationStore);
        Id = "virtioguest";
    }

    /// <summary>What the disk holds.</summary>
    public Span<byte> Disk => _disk;

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

    /// <summary>The most data segments that a request may have, as the driver is told. Set before it comes.</summary>
    public uint SegmentMaximum
    {
        get => BinaryPrimitives.ReadUInt32LittleEndian(Configuration[12..]);
        set => BinaryPrimitives.WriteUInt32LittleEndian(ConfigurationStore[12..], value);
    }

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
    protected override ulong TypeFeatures => BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum
        | BlockFeature.ReadOnly | BlockFeature.BlockSize | BlockFeature.Flush | BlockFeature.MultiQueue;

    /// <summary>Changes the disk's size; what is cut off is lost, what is added is zero.</summary>
    public void Resize(int sectors)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sectors);
        ChangeConfiguration(() =>
        {
            Array.Resize(ref _disk, sectors * SectorLength);
            BinaryPrimitives.WriteUInt64LittleEndian(ConfigurationStore, (ulong)sectors);
        });
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
            if (data.IsWritable != (type != TypeOut))
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
                Flushes++;
                return BlockStatus.Ok;
            case TypeGetId:
                return length >= IdLength && chain.TryWrite(0, _id) ? BlockStatus.Ok : BlockStatus.IoError;
            default:
                return BlockStatus.Unsupported;
        }
    }

    private BlockStatus Write(DeviceChain chain, ulong sector, ulong length)
    {
        // The device is read-only because it offers the feature, whether or not the driver knows it (5.2.6.2).
        if ((OfferedFeatures & BlockFeature.ReadOnly) != 0 || !Has(sector, length))
        {
            return BlockStatus.IoError;
        }

        Span<byte> data = Transfer(length, false);
        if (!chain.TryRead(HeaderLength, data))
        {
            return BlockStatus.IoError;
        }

        data.CopyTo(Range(sector, length));
        return BlockStatus.Ok;
    }

    private bool Has(ulong sector, ulong length)
    {
        ulong sectors = (ulong)_disk.Length / SectorLength;
        return length % SectorLength == 0 && sector <= sectors && length / SectorLength <= sectors - sector;
    }

    private Span<byte> Range(ulong sector, ulong length) => _disk.AsSpan((int)sector * SectorLength, (int)length);

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

    /// <summary>VIRTIO_BLK_F_RO.</summary>
    public const ulong ReadOnly = 1UL << 5;

    /// <summary>VIRTIO_BLK_F_BLK_SIZE.</summary>
    public const ulong BlockSize = 1UL << 6;

    /// <summary>VIRTIO_BLK_F_FLUSH.</summary>
    public const ulong Flush = 1UL << 9;

    /// <summary>VIRTIO_BLK_F_MQ.</summary>
    public const ulong MultiQueue = 1UL << 12;
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
