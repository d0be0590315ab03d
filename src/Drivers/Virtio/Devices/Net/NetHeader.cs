using System;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary><c>struct virtio_net_hdr</c>, which goes before every frame (virtio 1.4, 5.1.9).</summary>
internal readonly struct NetHeader
{
    /// <summary>The size of the part that is always there, num_buffers included.</summary>
    internal const uint BaseLength = 12;

    /// <summary>Where hash_value lies, and behind it hash_report, where HASH_REPORT was negotiated.</summary>
    internal const uint HashOffset = 12;

    /// <summary>Where outer_th_offset lies, and behind it inner_nh_offset, where a tunnel was negotiated.</summary>
    internal const uint TunnelOffset = 20;

    /// <summary>The size of the header where a tunnel was negotiated.</summary>
    internal const uint TunnelLength = 24;

    /// <summary>Where outer_nh_offset lies, where OUT_NET_HEADER was negotiated; 6 reserved bytes follow.</summary>
    internal const uint OuterNetworkOffset = 24;

    /// <summary>The size of the header then.</summary>
    internal const uint LongestLength = 32;

    /// <summary>The largest frame: an IPv6 packet with the largest payload (virtio 1.4, 5.1.9.3), and a tag.</summary>
    internal const int LargestFrame = VirtioNet.EthernetHeaderLength + VirtioNet.TagLength + 40 + ushort.MaxValue;

    private const uint HashLength = 8;
    private const int TypeShift = 8;
    private const int HeaderLengthShift = 16;
    private const int SegmentSizeShift = 32;
    private const int ChecksumStartShift = 48;
    private const int BufferCountShift = 16;

    private const int InnerNetworkShift = 16;

    private const byte NeedsChecksum = 1;
    private const byte DataValid = 2;
    private const byte TunnelChecksum = 8;

    private const byte TunnelOfIPv4 = 0x20;
    private const byte TunnelOfIPv6 = 0x40;
    private const byte Ecn = 0x80;

    /// <summary>flags, gso_type, hdr_len, gso_size and csum_start, from the lowest byte on.</summary>
    internal readonly ulong First;

    /// <summary>csum_offset and num_buffers.</summary>
    internal readonly uint Second;

    /// <summary>outer_th_offset and inner_nh_offset.</summary>
    internal readonly uint Tunnel;

    /// <summary>outer_nh_offset, of a frame to send.</summary>
    internal readonly ushort OuterNetwork;

    /// <summary>Takes apart what stands in a buffer.</summary>
    internal NetHeader(ulong first, uint second, uint tunnel = 0)
    {
        First = first;
        Second = second;
        Tunnel = tunnel;
    }

    /// <summary>Says what the device has to do with a frame. num_buffers is 0 then.</summary>
    internal NetHeader(in TransmitOffload offload)
    {
        UdpTunnel tunnel = offload.Tunnel;
        byte flags = offload.ChecksumStart != 0 ? NeedsChecksum : (byte)0;
        flags |= tunnel.HasChecksum ? TunnelChecksum : (byte)0;
        byte type = (byte)offload.Segments;
        type |= offload.HasEcn ? Ecn : (byte)0;
        if (!tunnel.IsNone)
        {
            type |= tunnel.IsInnerIPv6 ? TunnelOfIPv6 : TunnelOfIPv4;
        }

        First = flags
            | ((ulong)type << TypeShift)
            | ((ulong)offload.HeaderLength << HeaderLengthShift)
            | ((ulong)offload.SegmentSize << SegmentSizeShift)
            | ((ulong)offload.ChecksumStart << ChecksumStartShift);
        Second = offload.ChecksumOffset;
        Tunnel = tunnel.OuterTransport | ((uint)tunnel.InnerNetwork << InnerNetworkShift);
        OuterNetwork = offload.OuterNetwork;
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
    /// The size of the header in bytes, the same in both directions (virtio 1.4, 5.1.9.2.1 and 5.1.9.3.1). It follows
    /// from what was negotiated: a field is there if it, or one behind it, belongs to a feature that was.
    /// </summary>
    internal static uint LengthOf(Features features, HighFeatures high)
    {
        if ((high & NetDriver.OuterNetworkHeader) != 0)
        {
            return LongestLength;
        }

        return (high & NetDriver.UdpTunnels) != 0
            ? TunnelLength
            : BaseLength + ((features & NetDriver.HashReport) != 0 ? HashLength : 0);
    }

    /// <summary>Looks whether a received frame can be what its header says (virtio 1.4, 5.1.9.4.2).</summary>
    /// <param name="length">How many bytes the frame has.</param>
    /// <param name="features">What was negotiated, GUEST_CSUM included.</param>
    /// <param name="high">What was negotiated from bit 64 on.</param>
    /// <param name="info">What it says.</param>
    /// <returns>Whether it can. What the header has besides, hints and bits that nobody knows, is ignored.</returns>
    internal bool TryInterpret(uint length, Features features, HighFeatures high, out FrameInfo info)
    {
        byte flags = Flags;
        ChecksumState checksum = (flags & DataValid) != 0 ? ChecksumState.Valid : ChecksumState.Unknown;
        info = default;
        if ((flags & NeedsChecksum) != 0)
        {
            // The sum is two bytes, and all of them are the frame's.
            checksum = ChecksumState.Partial;
            if (ChecksumStart < VirtioNet.EthernetHeaderLength || ChecksumStart + ChecksumOffset + 2 > length)
            {
                return false;
            }
        }

        int type = Type & ~(Ecn | TunnelOfIPv4 | TunnelOfIPv6);
        int tunnelType = Type & (TunnelOfIPv4 | TunnelOfIPv6);
        if (type == 0)
        {
            info = new FrameInfo(checksum, SegmentKind.None, 0, default);
            return tunnelType == 0;
        }

        SegmentKind segments = (SegmentKind)type;
        UdpTunnel tunnel = tunnelType == 0 ? default : new UdpTunnel(
            (ushort)Tunnel,
            (ushort)(Tunnel >> InnerNetworkShift),
            tunnelType == TunnelOfIPv6,
            (flags & TunnelChecksum) != 0);
        info = new FrameInfo(checksum, segments, SegmentSize, tunnel);
        Features needed = segments switch
        {
            SegmentKind.Tcp4 => NetDriver.GuestTso4,
            SegmentKind.Tcp6 => NetDriver.GuestTso6,
            SegmentKind.Udp => NetDriver.GuestUso4 | NetDriver.GuestUso6,
            _ => Features.None,
        };
        return (features & needed) != 0 && SegmentSize != 0 && HeaderLength <= length
            && checksum != ChecksumState.Unknown
            && (tunnelType == 0 || CanTunnel(tunnelType, tunnel, segments, high));
    }

    /// <summary>
    /// Whether what is said of a tunnel can be so (virtio 1.4, 5.1.9.4.2): one of the two kinds, the one of what is
    /// inside, a checksum only where it was negotiated, and the headers one after the other in front of the part that
    /// NEEDS_CSUM is about.
    /// </summary>
    private bool CanTunnel(int type, UdpTunnel tunnel, SegmentKind segments, HighFeatures high)
    {
        HighFeatures needed = NetDriver.GuestUdpTunnel
            | (tunnel.HasChecksum ? NetDriver.GuestUdpTunnelChecksum : HighFeatures.None);
        return (high & needed) == needed
            && type is TunnelOfIPv4 or TunnelOfIPv6
            && (Flags & NeedsChecksum) != 0
            && tunnel.Fits(segments, ChecksumStart);
    }
}

/// <summary>What the device has to do with a frame before it leaves (virtio 1.4, 5.1.9.2).</summary>
public readonly struct TransmitOffload
{
    private const int OuterNetworkShift = 16;

    // The two places that mean that there is something to do, in one word: every frame is asked.
    private readonly uint _places;

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
    /// <param name="tunnel">The tunnel that the pieces go through; none unless told otherwise.</param>
    /// <param name="outerNetwork">
    /// Where the first network header begins, which saves the device from looking for it (OUT_NET_HEADER); 0 for no
    /// word of it.
    /// </param>
    public TransmitOffload(
        ushort checksumStart,
        ushort checksumOffset,
        SegmentKind segments = SegmentKind.None,
        ushort headerLength = 0,
        ushort segmentSize = 0,
        bool hasEcn = false,
        UdpTunnel tunnel = default,
        ushort outerNetwork = 0)
    {
        _places = checksumStart | ((uint)outerNetwork << OuterNetworkShift);
        Tunnel = tunnel;
        ChecksumOffset = checksumOffset;
        Segments = segments;
        HeaderLength = headerLength;
        SegmentSize = segmentSize;
        HasEcn = hasEcn;
    }

    /// <summary>Where the bytes begin that the checksum covers; 0 where nothing is to be done.</summary>
    public ushort ChecksumStart => (ushort)_places;

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

    /// <summary>The tunnel that the pieces go through.</summary>
    public UdpTunnel Tunnel { get; }

    /// <summary>Where the first network header begins; 0 for no word of it.</summary>
    public ushort OuterNetwork => (ushort)(_places >> OuterNetworkShift);

    /// <summary>Whether there is nothing to do, and nothing to say.</summary>
    public bool IsNone => _places == 0;

    /// <summary>Whether the driver may ask for it (virtio 1.4, 5.1.9.2.1).</summary>
    /// <param name="features">What was negotiated.</param>
    /// <param name="high">What was negotiated from bit 64 on.</param>
    /// <param name="frame">The frame.</param>
    internal bool IsAllowed(Features features, HighFeatures high, ReadOnlySpan<byte> frame)
    {
        if (OuterNetwork != 0)
        {
            bool isInside = OuterNetwork >= VirtioNet.EthernetHeaderLength && OuterNetwork < frame.Length;
            if ((high & NetDriver.OuterNetworkHeader) == 0 || !isInside)
            {
                return false;
            }
        }

        return ChecksumStart == 0
            ? Segments == SegmentKind.None && Tunnel.IsNone && !HasEcn
            : CanComplete(features, frame.Length) && (Tunnel.IsNone || CanTunnel(high, frame));
    }

    private bool CanComplete(Features features, int length)
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

    /// <summary>
    /// Whether what is cut may go through the tunnel. An outer checksum that the device does not make is none: 0 in the
    /// frame (virtio 1.4, 5.1.9.2.1).
    /// </summary>
    private bool CanTunnel(HighFeatures high, ReadOnlySpan<byte> frame)
    {
        HighFeatures needed = NetDriver.HostUdpTunnel
            | (Tunnel.HasChecksum ? NetDriver.HostUdpTunnelChecksum : HighFeatures.None);
        if ((high & needed) != needed || Segments == SegmentKind.None || !Tunnel.Fits(Segments, ChecksumStart))
        {
            return false;
        }

        int checksum = Tunnel.OuterTransport + UdpTunnel.ChecksumOffset;
        return Tunnel.HasChecksum || (frame[checksum] | frame[checksum + 1]) == 0;
    }
}

/// <summary>
/// The UDP tunnel that segments go through, or came through: a frame in a UDP datagram, behind a header of the tunnel's
/// own (virtio 1.4, 5.1.9).
/// </summary>
public readonly struct UdpTunnel
{
    /// <summary>Where a UDP header has its checksum.</summary>
    internal const int ChecksumOffset = 6;

    private const int UdpHeaderLength = 8;
    private const int ShortestIPv4Header = 20;
    private const int ShortestIPv6Header = 40;

    /// <summary>Describes a tunnel.</summary>
    /// <param name="outerTransport">Where the outer UDP header begins; 0 for no tunnel.</param>
    /// <param name="innerNetwork">Where the inner IP header begins.</param>
    /// <param name="isInnerIPv6">Whether that is an IPv6 header.</param>
    /// <param name="hasChecksum">
    /// Whether the outer UDP header has a checksum. On the way out it holds the sum of the pseudo-header, and the
    /// device makes the checksum of every piece; on the way in it was checked.
    /// </param>
    public UdpTunnel(ushort outerTransport, ushort innerNetwork, bool isInnerIPv6, bool hasChecksum = false)
    {
        OuterTransport = outerTransport;
        InnerNetwork = innerNetwork;
        IsInnerIPv6 = isInnerIPv6;
        HasChecksum = hasChecksum;
    }

    /// <summary>Where the outer UDP header begins; 0 for no tunnel.</summary>
    public ushort OuterTransport { get; }

    /// <summary>Where the inner IP header begins.</summary>
    public ushort InnerNetwork { get; }

    /// <summary>Whether that is an IPv6 header.</summary>
    public bool IsInnerIPv6 { get; }

    /// <summary>Whether the outer UDP header has a checksum.</summary>
    public bool HasChecksum { get; }

    /// <summary>Whether there is no tunnel.</summary>
    public bool IsNone => OuterTransport == 0;

    /// <summary>
    /// Whether its headers can lie where they are said to, before the inner transport header of such segments.
    /// </summary>
    internal bool Fits(SegmentKind segments, int innerTransport)
    {
        int shortest = IsInnerIPv6 ? ShortestIPv6Header : ShortestIPv4Header;
        bool isOfKind = segments switch
        {
            SegmentKind.Tcp4 => !IsInnerIPv6,
            SegmentKind.Tcp6 => IsInnerIPv6,
            _ => true,
        };
        return isOfKind
            && OuterTransport > VirtioNet.EthernetHeaderLength
            && InnerNetwork >= OuterTransport + UdpHeaderLength
            && innerTransport >= InnerNetwork + shortest;
    }
}

/// <summary>What a large frame is cut into, or was put together from: gso_type (virtio 1.4, 5.1.9).</summary>
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

/// <summary>What is known of the checksum of a received frame's transport protocol (virtio 1.4, 5.1.9.4).</summary>
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
    /// <summary>Describes what a frame is.</summary>
    internal FrameInfo(ChecksumState checksum, SegmentKind segments, ushort segmentSize, UdpTunnel tunnel)
    {
        Checksum = checksum;
        Segments = segments;
        SegmentSize = segmentSize;
        Tunnel = tunnel;
    }

    /// <summary>Adds what is known besides.</summary>
    internal FrameInfo(in FrameInfo frame, uint hash, ushort hashReport, ushort outerNetwork, bool isPrivate)
    {
        this = frame;
        Hash = hash;
        HashReport = hashReport;
        OuterNetwork = outerNetwork;
        IsPrivate = isPrivate;
    }

    /// <summary>What is known of its checksum.</summary>
    public ChecksumState Checksum { get; }

    /// <summary>What it was put together from.</summary>
    public SegmentKind Segments { get; }

    /// <summary>How much data each of these carried; 0 where it is what it is.</summary>
    public ushort SegmentSize { get; }

    /// <summary>The tunnel that it came through, where it was put together and did so.</summary>
    public UdpTunnel Tunnel { get; }

    /// <summary>Where its first network header begins, as the device says; 0 where it does not.</summary>
    public ushort OuterNetwork { get; }

    /// <summary>The hash; means something where <see cref="HashReport"/> is not 0.</summary>
    public uint Hash { get; }

    /// <summary>What the hash was computed of (virtio 1.4, 5.1.9.4.5); 0 where there is none.</summary>
    public ushort HashReport { get; }

    /// <summary>
    /// Whether the frame is in memory that no device reaches, because it was put together there. Otherwise a device
    /// that breaks the rules could still be writing.
    /// </summary>
    public bool IsPrivate { get; }
}
