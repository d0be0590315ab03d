using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary><c>struct virtio_net_hdr</c>, which goes before every frame (virtio 1.4, 5.1.6).</summary>
internal readonly struct NetHeader
{
    /// <summary>The size of the part that is always there, num_buffers included.</summary>
    internal const uint BaseLength = 12;

    /// <summary>Where hash_value lies, and behind it hash_report, where HASH_REPORT was negotiated.</summary>
    internal const uint HashOffset = 12;

    /// <summary>The largest frame: an IPv6 packet with the largest payload (virtio 1.4, 5.1.6.3), and a tag.</summary>
    internal const int LargestFrame = VirtioNet.EthernetHeaderLength + VirtioNet.TagLength + 40 + ushort.MaxValue;

    private const uint HashLength = 8;
    private const int TypeShift = 8;
    private const int HeaderLengthShift = 16;
    private const int SegmentSizeShift = 32;
    private const int ChecksumStartShift = 48;
    private const int BufferCountShift = 16;

    private const byte NeedsChecksum = 1;
    private const byte DataValid = 2;

    private const byte Ecn = 0x80;

    /// <summary>flags, gso_type, hdr_len, gso_size and csum_start, from the lowest byte on.</summary>
    internal readonly ulong First;

    /// <summary>csum_offset and num_buffers.</summary>
    internal readonly uint Second;

    /// <summary>Takes apart what stands in a buffer.</summary>
    internal NetHeader(ulong first, uint second)
    {
        First = first;
        Second = second;
    }

    /// <summary>Says what the device has to do with a frame. num_buffers is 0 then.</summary>
    internal NetHeader(in TransmitOffload offload)
    {
        byte type = (byte)offload.Segments;
        type |= offload.HasEcn ? Ecn : (byte)0;
        First = NeedsChecksum
            | ((ulong)type << TypeShift)
            | ((ulong)offload.HeaderLength << HeaderLengthShift)
            | ((ulong)offload.SegmentSize << SegmentSizeShift)
            | ((ulong)offload.ChecksumStart << ChecksumStartShift);
        Second = offload.ChecksumOffset;
    }

    /// <summary>The header of a frame in one buffer, where no feature has the device say anything.</summary>
    internal static NetHeader One => new NetHeader(0, 1u << BufferCountShift);

    /// <summary>How many buffers a received frame lies in; means something with MRG_RXBUF only.</summary>
    internal int BufferCount => (int)(Second >> BufferCountShift);

    /// <summary>
    /// Whether it is a frame in one buffer of which the device says nothing else, as most are without offloads.
    /// </summary>
    internal bool IsOne => First == 0 && Second >> BufferCountShift == 1;

    private byte Flags => (byte)First;

    private byte Type => (byte)(First >> TypeShift);

    private ushort HeaderLength => (ushort)(First >> HeaderLengthShift);

    private ushort SegmentSize => (ushort)(First >> SegmentSizeShift);

    private ushort ChecksumStart => (ushort)(First >> ChecksumStartShift);

    private ushort ChecksumOffset => (ushort)Second;

    /// <summary>
    /// The size of the header in bytes, the same in both directions (virtio 1.4, 5.1.6.2.1 and 5.1.6.3.1). It follows
    /// from what was negotiated; of the fields that the specification has behind the hash none belongs to a feature
    /// that is implemented.
    /// </summary>
    internal static uint LengthOf(Features features) =>
        BaseLength + ((features & NetDriver.HashReport) != 0 ? HashLength : 0);

    /// <summary>Looks whether a received frame can be what its header says (virtio 1.4, 5.1.6.4.2).</summary>
    /// <param name="length">How many bytes the frame has.</param>
    /// <param name="features">What was negotiated, GUEST_CSUM included.</param>
    /// <param name="checksum">What is known of its checksum.</param>
    /// <param name="segments">What it was put together from.</param>
    /// <param name="segmentSize">How much data each of these carried.</param>
    /// <returns>Whether it can. What the header has besides, hints and bits that nobody knows, is ignored.</returns>
    internal bool TryInterpret(
        uint length,
        Features features,
        out ChecksumState checksum,
        out SegmentKind segments,
        out ushort segmentSize)
    {
        byte flags = Flags;
        checksum = (flags & DataValid) != 0 ? ChecksumState.Valid : ChecksumState.Unknown;
        segments = SegmentKind.None;
        segmentSize = 0;
        if ((flags & NeedsChecksum) != 0)
        {
            // The sum is two bytes, and all of them are the frame's.
            checksum = ChecksumState.Partial;
            if (ChecksumStart < VirtioNet.EthernetHeaderLength || ChecksumStart + ChecksumOffset + 2 > length)
            {
                return false;
            }
        }

        int type = Type & ~Ecn;
        if (type == 0)
        {
            return true;
        }

        segments = (SegmentKind)type;
        segmentSize = SegmentSize;
        Features needed = segments switch
        {
            SegmentKind.Tcp4 => NetDriver.GuestTso4,
            SegmentKind.Tcp6 => NetDriver.GuestTso6,
            SegmentKind.Udp => NetDriver.GuestUso4 | NetDriver.GuestUso6,
            _ => Features.None,
        };
        return (features & needed) != 0 && segmentSize != 0 && HeaderLength <= length
            && checksum != ChecksumState.Unknown;
    }
}

/// <summary>What the device has to do with a frame before it leaves (virtio 1.4, 5.1.6.2).</summary>
public readonly struct TransmitOffload
{
    /// <summary>Describes what is to be done.</summary>
    /// <param name="checksumStart">
    /// Where the bytes begin that the checksum covers, which go on to the frame's end; 0 where nothing is to be done.
    /// </param>
    /// <param name="checksumOffset">
    /// Where from there the checksum belongs. The sum of the pseudo-header is there already.
    /// </param>
    /// <param name="segments">What the frame is to be cut into.</param>
    /// <param name="headerLength">Where the data begin that are cut; exact (GUEST_HDRLEN).</param>
    /// <param name="segmentSize">How much data each piece gets, at least 1.</param>
    /// <param name="hasEcn">Whether TCP's header says that congestion was met (HOST_ECN).</param>
    public TransmitOffload(
        ushort checksumStart,
        ushort checksumOffset,
        SegmentKind segments = SegmentKind.None,
        ushort headerLength = 0,
        ushort segmentSize = 0,
        bool hasEcn = false)
    {
        ChecksumStart = checksumStart;
        ChecksumOffset = checksumOffset;
        Segments = segments;
        HeaderLength = headerLength;
        SegmentSize = segmentSize;
        HasEcn = hasEcn;
    }

    /// <summary>Where the bytes begin that the checksum covers; 0 where nothing is to be done.</summary>
    public ushort ChecksumStart { get; }

    /// <summary>Where from there the checksum belongs.</summary>
    public ushort ChecksumOffset { get; }

    /// <summary>What the frame is to be cut into.</summary>
    public SegmentKind Segments { get; }

    /// <summary>Where the data begin that are cut.</summary>
    public ushort HeaderLength { get; }

    /// <summary>How much data each piece gets.</summary>
    public ushort SegmentSize { get; }

    /// <summary>Whether TCP's header says that congestion was met.</summary>
    public bool HasEcn { get; }

    /// <summary>Whether there is nothing to do.</summary>
    public bool IsNone => ChecksumStart == 0;

    /// <summary>Whether the driver may ask for it (virtio 1.4, 5.1.6.2.1).</summary>
    /// <param name="features">What was negotiated.</param>
    /// <param name="length">How many bytes the frame has.</param>
    internal bool IsAllowed(Features features, int length)
    {
        Features needed = NetDriver.Checksum | (HasEcn ? NetDriver.HostEcn : 0);
        needed |= Segments switch
        {
            SegmentKind.None => Features.None,
            SegmentKind.Tcp4 => NetDriver.HostTso4,
            SegmentKind.Tcp6 => NetDriver.HostTso6,
            _ => NetDriver.HostUso,
        };
        bool isCut = Segments != SegmentKind.None;
        return (features & needed) == needed
            && ChecksumStart >= VirtioNet.EthernetHeaderLength
            && ChecksumStart + ChecksumOffset + 2 <= length
            && (isCut || !HasEcn)
            && (!isCut || (SegmentSize != 0 && HeaderLength > ChecksumStart && HeaderLength <= length));
    }
}

/// <summary>What a large frame is cut into, or was put together from: gso_type (virtio 1.4, 5.1.6).</summary>
public enum SegmentKind
{
    /// <summary>It is what it is.</summary>
    None = 0,

    /// <summary>TCP segments over IPv4 (TCPV4).</summary>
    Tcp4 = 1,

    /// <summary>TCP segments over IPv6 (TCPV6).</summary>
    Tcp6 = 4,

    /// <summary>UDP datagrams (UDP_L4).</summary>
    Udp = 5,
}

/// <summary>What is known of the checksum of a received frame's transport protocol (virtio 1.4, 5.1.6.4).</summary>
public enum ChecksumState
{
    /// <summary>Nothing.</summary>
    Unknown = 0,

    /// <summary>It was checked (DATA_VALID).</summary>
    Valid = 1,

    /// <summary>
    /// The data are as good as checked, but the frame holds the sum of the pseudo-header only (NEEDS_CSUM): it came
    /// from a guest next door, over no wire.
    /// </summary>
    Partial = 2,
}

/// <summary>What a device says of a frame that it has received, as far as it makes sense.</summary>
public readonly struct FrameInfo
{
    /// <summary>Describes a frame.</summary>
    public FrameInfo(
        ChecksumState checksum,
        SegmentKind segments,
        ushort segmentSize,
        uint hash,
        ushort hashReport,
        bool isPrivate)
    {
        Checksum = checksum;
        Segments = segments;
        SegmentSize = segmentSize;
        Hash = hash;
        HashReport = hashReport;
        IsPrivate = isPrivate;
    }

    /// <summary>What is known of its checksum.</summary>
    public ChecksumState Checksum { get; }

    /// <summary>What it was put together from.</summary>
    public SegmentKind Segments { get; }

    /// <summary>How much data each of these carried; 0 where it is what it is.</summary>
    public ushort SegmentSize { get; }

    /// <summary>The hash; means something where <see cref="HashReport"/> is not 0.</summary>
    public uint Hash { get; }

    /// <summary>What the hash was computed of (virtio 1.4, 5.1.6.4.5); 0 where there is none.</summary>
    public ushort HashReport { get; }

    /// <summary>
    /// Whether the frame is in memory that no device reaches, because it was put together there. Otherwise a device
    /// that breaks the rules could still be writing.
    /// </summary>
    public bool IsPrivate { get; }
}
