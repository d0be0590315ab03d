using System;
using System.Buffers.Binary;
using System.Runtime.CompilerServices;

namespace VirtioGuest.Net.Wire;

/// <summary>The options of a TCP segment that the stack knows (RFC 9293, 3.2; RFC 7323; RFC 2018).</summary>
internal struct TcpOptions
{
    /// <summary>The largest window scale; a larger one counts as this (RFC 7323, 2.3).</summary>
    public const byte MaximumWindowScale = 14;

    /// <summary>The size of a timestamp option with the padding in front of it.</summary>
    public const int TimestampLength = 12;

    private const byte EndOfList = 0;
    private const byte NoOperation = 1;
    private const byte MaximumSegmentSizeKind = 2;
    private const byte WindowScaleKind = 3;
    private const byte SackPermittedKind = 4;
    private const byte SackKind = 5;
    private const byte TimestampKind = 8;
    private const int BlockLength = 2 * sizeof(uint);

    /// <summary>The largest segment that the sender takes; 0 where it does not say.</summary>
    public ushort MaximumSegmentSize;

    /// <summary>By how many bits the sender's windows will be shifted; null where they will not.</summary>
    public byte? WindowScale;

    public bool IsSackPermitted;

    public bool HasTimestamp;

    /// <summary>TSval: the sender's clock.</summary>
    public uint TimestampValue;

    /// <summary>TSecr: the receiver's clock as the sender last saw it.</summary>
    public uint TimestampEcho;

    /// <summary>How many of <see cref="Blocks"/> there are.</summary>
    public int BlockCount;

    /// <summary>What has arrived out of order, the most recent first.</summary>
    public TcpBlocks Blocks;

    /// <summary>How many bytes <see cref="Write"/> writes.</summary>
    public readonly int Length =>
        (MaximumSegmentSize != 0 ? 4 : 0)
        + (HasTimestamp ? TimestampLength : IsSackPermitted ? 4 : 0)
        + (WindowScale is not null ? 4 : 0)
        + (BlockCount > 0 ? 4 + (BlockCount * BlockLength) : 0);

    /// <summary>Reads a list of options.</summary>
    /// <returns>Whether every option's length is possible. Unknown options are passed over.</returns>
    public static bool TryParse(ReadOnlySpan<byte> list, out TcpOptions options)
    {
        options = default;
        while (list.Length > 0 && list[0] != EndOfList)
        {
            if (list[0] == NoOperation)
            {
                list = list[1..];
                continue;
            }

            if (list.Length < 2 || list[1] < 2 || list[1] > list.Length)
            {
                return false;
            }

            if (!options.TryTake(list[0], list[2..list[1]]))
            {
                return false;
            }

            list = list[list[1]..];
        }

        return true;
    }

    /// <summary>Writes the options, each aligned to four bytes.</summary>
    public readonly void Write(Span<byte> list)
    {
        if (MaximumSegmentSize != 0)
        {
            list[0] = MaximumSegmentSizeKind;
            list[1] = 4;
            BinaryPrimitives.WriteUInt16BigEndian(list[2..], MaximumSegmentSize);
            list = list[4..];
        }

        if (HasTimestamp || IsSackPermitted)
        {
            // The padding of the one makes room for the other (RFC 7323, appendix A).
            list[0] = IsSackPermitted && HasTimestamp ? SackPermittedKind : NoOperation;
            list[1] = IsSackPermitted && HasTimestamp ? (byte)2 : NoOperation;
            list[2] = HasTimestamp ? TimestampKind : SackPermittedKind;
            list[3] = HasTimestamp ? (byte)10 : (byte)2;
            list = list[4..];
        }

        if (HasTimestamp)
        {
            BinaryPrimitives.WriteUInt32BigEndian(list, TimestampValue);
            BinaryPrimitives.WriteUInt32BigEndian(list[4..], TimestampEcho);
            list = list[8..];
        }

        if (WindowScale is not null)
        {
            list[0] = NoOperation;
            list[1] = WindowScaleKind;
            list[2] = 3;
            list[3] = WindowScale.Value;
            list = list[4..];
        }

        if (BlockCount > 0)
        {
            list[0] = NoOperation;
            list[1] = NoOperation;
            list[2] = SackKind;
            list[3] = (byte)(2 + (BlockCount * BlockLength));
            for (int i = 0; i < BlockCount; i++)
            {
                BinaryPrimitives.WriteUInt32BigEndian(list[(4 + (i * BlockLength))..], Blocks[i].Left);
                BinaryPrimitives.WriteUInt32BigEndian(list[(8 + (i * BlockLength))..], Blocks[i].Right);
            }
        }
    }

    private bool TryTake(byte kind, ReadOnlySpan<byte> value)
    {
        switch (kind)
        {
            case MaximumSegmentSizeKind:
                MaximumSegmentSize = value.Length == 2 ? BinaryPrimitives.ReadUInt16BigEndian(value) : (ushort)0;
                return value.Length == 2;

            case WindowScaleKind:
                WindowScale = value.Length == 1 ? Math.Min(value[0], MaximumWindowScale) : null;
                return value.Length == 1;

            case SackPermittedKind:
                IsSackPermitted = true;
                return value.Length == 0;

            case TimestampKind:
                HasTimestamp = value.Length == 8;
                TimestampValue = HasTimestamp ? BinaryPrimitives.ReadUInt32BigEndian(value) : 0;
                TimestampEcho = HasTimestamp ? BinaryPrimitives.ReadUInt32BigEndian(value[4..]) : 0;
                return HasTimestamp;

            case SackKind:
                return TryTakeBlocks(value);

            default:
                return true;
        }
    }

    private bool TryTakeBlocks(ReadOnlySpan<byte> value)
    {
        BlockCount = value.Length / BlockLength;
        if (value.Length % BlockLength != 0 || BlockCount is 0 or > TcpBlocks.Capacity)
        {
            BlockCount = 0;
            return false;
        }

        for (int i = 0; i < BlockCount; i++)
        {
            Blocks[i] = new TcpBlock(
                BinaryPrimitives.ReadUInt32BigEndian(value[(i * BlockLength)..]),
                BinaryPrimitives.ReadUInt32BigEndian(value[((i * BlockLength) + sizeof(uint))..]));
        }

        return true;
    }
}

/// <summary>Octets that have arrived: from a sequence number up to another, which is not among them.</summary>
internal readonly record struct TcpBlock(uint Left, uint Right);

/// <summary>As many blocks as a header has room for.</summary>
[InlineArray(Capacity)]
internal struct TcpBlocks
{
    public const int Capacity = 4;

    private TcpBlock _first;
}
