using System;
using System.Buffers.Binary;

namespace VirtioGuest.Net.Wire;

/// <summary>The header of an Ethernet II frame (RFC 894).</summary>
internal readonly record struct EthernetHeader(MacAddress Destination, MacAddress Source, EtherType Type)
{
    /// <summary>The size in bytes.</summary>
    public const int Length = 14;

    /// <summary>The fewest bytes that a frame without its check sequence may have; shorter data is padded.</summary>
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
            ByteOrder.ReadMacAddress(frame, 0),
            ByteOrder.ReadMacAddress(frame, SourceOffset),
            (EtherType)BinaryPrimitives.ReadUInt16BigEndian(frame[TypeOffset..]));
        return true;
    }

    /// <summary>Writes the header to the start of a frame.</summary>
    public void Write(Span<byte> frame)
    {
        Destination.CopyTo(frame);
        Source.CopyTo(frame[SourceOffset..]);
        BinaryPrimitives.WriteUInt16BigEndian(frame[TypeOffset..], (ushort)Type);
    }
}
