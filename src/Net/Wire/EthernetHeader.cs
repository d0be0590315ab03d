using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The header of an Ethernet II frame (RFC 894).</summary>
internal readonly record struct EthernetHeader(MacAddress Destination, MacAddress Source, EtherType Type)
{
    public const int Length = 14;

    /// <summary>The size of the smallest frame without its check sequence; shorter ones are padded.</summary>
    public const int MinimumFrameLength = 60;

    private const int SourceOffset = 6;
    private const int TypeOffset = 12;

    /// <summary>Reads the header at the start of a frame.</summary>
    /// <returns>Whether the frame is long enough to have one.</returns>
    public static bool TryParse(ReadOnlySpan<byte> frame, out EthernetHeader header)
    {
        if (frame.Length < Length)
        {
            header = default;
            return false;
        }

        header = new EthernetHeader(
            new MacAddress(frame),
            new MacAddress(frame[SourceOffset..]),
            (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]));
        return true;
    }

    public void Write(Span<byte> frame)
    {
        Destination.CopyTo(frame);
        Source.CopyTo(frame[SourceOffset..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[TypeOffset..], (ushort)Type);
    }
}

/// <summary>What an Ethernet frame carries.</summary>
internal enum EtherType : ushort
{
    /// <summary>The smallest type; what is smaller is a length (IEEE 802.3, 3.2.6).</summary>
    Smallest = 0x0600,

    /// <summary>An IPv4 packet (RFC 894).</summary>
    IPv4 = 0x0800,

    /// <summary>An ARP packet (RFC 826).</summary>
    Arp = 0x0806,

    /// <summary>A tag, then the type of the payload (IEEE 802.1Q).</summary>
    Vlan = 0x8100,
}

/// <summary>The tag behind an Ethernet header whose type is <see cref="EtherType.Vlan"/> (IEEE 802.1Q, 9.6).</summary>
/// <param name="VlanId">The VLAN; 0 where the tag names none and only gives the frame a priority.</param>
/// <param name="Type">The type of the payload.</param>
internal readonly record struct VlanTag(ushort VlanId, EtherType Type)
{
    /// <summary>The size in bytes, the payload's type included.</summary>
    public const int Length = 4;

    private const ushort VlanIdMask = 0xFFF;

    /// <returns>Whether there are enough bytes for a tag.</returns>
    public static bool TryParse(ReadOnlySpan<byte> data, out VlanTag tag)
    {
        if (data.Length < Length)
        {
            tag = default;
            return false;
        }

        tag = new VlanTag(
            (ushort)(BinaryPrimitives.ReadUInt16BigEndian(data) & VlanIdMask),
            (EtherType)BinaryPrimitives.ReadUInt16BigEndian(data[sizeof(ushort)..]));
        return true;
    }
}
