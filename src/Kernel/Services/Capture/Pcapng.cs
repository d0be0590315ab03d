using System;
using System.Buffers.Binary;
using System.Text;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services.Capture;

/// <summary>
/// The blocks of a capture file of one Ethernet interface (PCAP Next Generation, draft-ietf-opsawg-pcapng), little
/// endian. Time stamps are nanoseconds since 1970.
/// </summary>
internal static class Pcapng
{
    /// <summary>Where a section says how long it is, in a file that begins with it: 64 bits.</summary>
    public const int SectionLengthOffset = 16;

    /// <summary>The length of <see cref="WriteSectionHeader"/>, which the section's length does not count.</summary>
    public const int SectionHeaderLength = 28 + 16 + 4;

    /// <summary>The length of <see cref="WriteStatistics"/>.</summary>
    public const int StatisticsLength = 20 + (5 * 12) + 4 + 4;

    /// <summary>The length of <see cref="WritePacketHeader"/>.</summary>
    public const int PacketHeaderLength = 28;

    private const uint SectionHeader = 0x0A0D0D0A;
    private const uint InterfaceDescription = 1;
    private const uint InterfaceStatistics = 5;
    private const uint EnhancedPacket = 6;
    private const int Ethernet = 1;
    private const int PacketTrailerLength = 8 + 4 + 4;

    /// <summary>How long a block with a packet is in all.</summary>
    /// <param name="captured">How many bytes of the packet are in it.</param>
    public static int PacketLength(int captured) => PacketHeaderLength + Padded(captured) + PacketTrailerLength;

    /// <summary>Begins a section, whose length is not known yet (4.1).</summary>
    /// <returns>How many bytes it takes.</returns>
    public static int WriteSectionHeader(Span<byte> block)
    {
        const int OperatingSystem = 3;
        var writer = new BlockWriter(block, SectionHeader);
        writer.Word(0x1A2B3C4D);
        writer.Half(1);
        writer.Half(0);
        writer.Long(-1);
        writer.Option(OperatingSystem, "VirtioGuest"u8);
        return writer.End();
    }

    /// <summary>Describes the interface (4.2).</summary>
    /// <param name="block">Room for it: 64 bytes and the name.</param>
    /// <param name="name">What people call the interface.</param>
    /// <param name="address">Its station.</param>
    /// <param name="snapLength">How many bytes of a packet are kept at most.</param>
    /// <returns>How many bytes it takes.</returns>
    public static int WriteInterface(Span<byte> block, string name, MacAddress address, int snapLength)
    {
        const int Name = 2;
        const int MacAddress = 6;
        const int Resolution = 9;
        const byte Nanoseconds = 9;
        Span<byte> station = stackalloc byte[6];
        address.CopyTo(station);
        var writer = new BlockWriter(block, InterfaceDescription);
        writer.Half(Ethernet);
        writer.Half(0);
        writer.Word((uint)snapLength);
        writer.Option(Name, Encoding.ASCII.GetBytes(name));
        writer.Option(MacAddress, station);
        writer.Option(Resolution, [Nanoseconds]);
        return writer.End();
    }

    /// <summary>Begins a block with a packet (4.3); its bytes and the trailer follow.</summary>
    /// <param name="block">Room for it.</param>
    /// <param name="time">When it came by.</param>
    /// <param name="captured">How many of its bytes follow.</param>
    /// <param name="length">How many it had.</param>
    public static void WritePacketHeader(Span<byte> block, long time, int captured, int length)
    {
        var writer = new BlockWriter(block, EnhancedPacket, PacketLength(captured));
        writer.Word(0);
        writer.Time(time);
        writer.Word((uint)captured);
        writer.Word((uint)length);
    }

    /// <summary>Ends a block with a packet: padding, direction, length.</summary>
    /// <param name="block">Room for it: 19 bytes.</param>
    /// <param name="captured">How many bytes of the packet came before.</param>
    /// <param name="isSent">Whether it was sent from here.</param>
    /// <returns>How many bytes it takes.</returns>
    public static int WritePacketTrailer(Span<byte> block, int captured, bool isSent)
    {
        const int Flags = 2;
        const uint Inbound = 1;
        const uint Outbound = 2;
        int padding = Padded(captured) - captured;
        block[..padding].Clear();
        Span<byte> trailer = block[padding..];
        BinaryPrimitives.WriteUInt32LittleEndian(trailer, Flags | (sizeof(uint) << 16));
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[4..], isSent ? Outbound : Inbound);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[8..], 0);
        BinaryPrimitives.WriteUInt32LittleEndian(trailer[12..], (uint)PacketLength(captured));
        return padding + PacketTrailerLength;
    }

    /// <summary>Says what was captured and what was not (4.6).</summary>
    /// <param name="block">Room for it.</param>
    /// <param name="start">When the capture began.</param>
    /// <param name="end">When it ended.</param>
    /// <param name="seen">How many packets came by.</param>
    /// <param name="dropped">How many of them there was no room for.</param>
    /// <returns>How many bytes it takes.</returns>
    public static int WriteStatistics(Span<byte> block, long start, long end, long seen, long dropped)
    {
        const int StartTime = 2;
        const int EndTime = 3;
        const int Received = 4;
        const int DroppedBySystem = 7;
        const int Delivered = 8;
        var writer = new BlockWriter(block, InterfaceStatistics);
        writer.Word(0);
        writer.Time(end);
        writer.OptionHeader(StartTime, sizeof(long));
        writer.Time(start);
        writer.OptionHeader(EndTime, sizeof(long));
        writer.Time(end);
        writer.OptionHeader(Received, sizeof(long));
        writer.Long(seen);
        writer.OptionHeader(DroppedBySystem, sizeof(long));
        writer.Long(dropped);
        writer.OptionHeader(Delivered, sizeof(long));
        writer.Long(seen - dropped);
        return writer.End();
    }

    private static int Padded(int length) => (length + 3) & ~3;

    /// <summary>Writes a block from its type to its length, which comes twice.</summary>
    private ref struct BlockWriter
    {
        private readonly Span<byte> _block;
        private int _length;

        public BlockWriter(Span<byte> block, uint type, int length = 0)
        {
            _block = block;
            Word(type);
            Word((uint)length);
        }

        public void Half(int value)
        {
            BinaryPrimitives.WriteUInt16LittleEndian(_block[_length..], (ushort)value);
            _length += sizeof(ushort);
        }

        public void Word(uint value)
        {
            BinaryPrimitives.WriteUInt32LittleEndian(_block[_length..], value);
            _length += sizeof(uint);
        }

        public void Long(long value)
        {
            BinaryPrimitives.WriteInt64LittleEndian(_block[_length..], value);
            _length += sizeof(long);
        }

        // The upper half comes first, in either byte order.
        public void Time(long value)
        {
            Word((uint)(value >> 32));
            Word((uint)value);
        }

        public void OptionHeader(int code, int length)
        {
            Half(code);
            Half(length);
        }

        public void Option(int code, scoped ReadOnlySpan<byte> value)
        {
            OptionHeader(code, value.Length);
            Span<byte> room = _block.Slice(_length, Padded(value.Length));
            room.Clear();
            value.CopyTo(room);
            _length += room.Length;
        }

        public int End()
        {
            const int LengthOffset = 4;
            OptionHeader(0, 0);
            Word((uint)_length + sizeof(uint));
            BinaryPrimitives.WriteUInt32LittleEndian(_block[LengthOffset..], (uint)_length);
            return _length;
        }
    }
}
