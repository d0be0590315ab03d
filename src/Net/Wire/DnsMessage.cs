using System;
using System.Buffers.Binary;
using System.Text;

namespace VirtioGuest.Net.Wire;

/// <summary>A DNS message as a resolver writes and reads it (RFC 1035, 4).</summary>
internal static class DnsMessage
{
    public const ushort ServerPort = 53;

    /// <summary>The size of the largest message over UDP without extensions (RFC 1035, 4.2.1).</summary>
    public const int MaximumLength = 512;

    /// <summary>The size of the longest name in bytes, as it is sent (RFC 1035, 3.1).</summary>
    public const int MaximumNameLength = 255;

    private const int HeaderLength = 12;
    private const int LongestLabel = 63;

    /// <summary>How many aliases lead from one name to another at most.</summary>
    private const int AliasLimit = 16;

    private const ushort Response = 0x8000;
    private const ushort OpcodeMask = 0x7800;
    private const ushort RecursionDesired = 0x0100;
    private const int CodeMask = 0xF;
    private const ushort TypeAddress = 1;
    private const ushort TypeAlias = 5;
    private const ushort ClassInternet = 1;

    /// <summary>Writes a name as labels.</summary>
    /// <param name="name">The name, with or without a dot at its end.</param>
    /// <param name="labels">Receives at most <see cref="MaximumNameLength"/> bytes.</param>
    /// <returns>How many bytes; 0 where it is no name: ASCII, labels of 1 to 63 characters, 255 bytes in all.</returns>
    public static int WriteName(string name, Span<byte> labels)
    {
        ReadOnlySpan<char> rest = name.AsSpan();
        rest = rest.EndsWith('.') ? rest[..^1] : rest;
        int length = 0;
        while (true)
        {
            int dot = rest.IndexOf('.');
            ReadOnlySpan<char> label = dot < 0 ? rest : rest[..dot];
            bool hasRoom = length + label.Length + 2 <= MaximumNameLength;
            if (label.Length is 0 or > LongestLabel || !hasRoom || !Ascii.IsValid(label) || label.ContainsAny(" \0"))
            {
                return 0;
            }

            labels[length++] = (byte)label.Length;
            length += Encoding.ASCII.GetBytes(label, labels[length..]);
            if (dot < 0)
            {
                labels[length++] = 0;
                return length;
            }

            rest = rest[(dot + 1)..];
        }
    }

    /// <summary>Writes a question for the IPv4 addresses of a name.</summary>
    /// <returns>The message's size in bytes.</returns>
    public static int WriteQuestion(ushort identifier, ReadOnlySpan<byte> name, Span<byte> message)
    {
        message[..HeaderLength].Clear();
        BinaryPrimitives.WriteUInt16BigEndian(message, identifier);
        BinaryPrimitives.WriteUInt16BigEndian(message[2..], RecursionDesired);
        BinaryPrimitives.WriteUInt16BigEndian(message[4..], 1);
        name.CopyTo(message[HeaderLength..]);
        Span<byte> end = message[(HeaderLength + name.Length)..];
        BinaryPrimitives.WriteUInt16BigEndian(end, TypeAddress);
        BinaryPrimitives.WriteUInt16BigEndian(end[2..], ClassInternet);
        return HeaderLength + name.Length + 4;
    }

    /// <summary>Reads an answer.</summary>
    /// <param name="message">What has arrived.</param>
    /// <param name="identifier">The question's identifier.</param>
    /// <param name="name">The question's name.</param>
    /// <param name="addresses">Receives the addresses.</param>
    /// <param name="count">How many.</param>
    /// <returns>What the server says; null where this answers something else, or nothing.</returns>
    public static DnsCode? ReadAnswer(
        ReadOnlySpan<byte> message,
        ushort identifier,
        ReadOnlySpan<byte> name,
        Span<IPv4Address> addresses,
        out int count)
    {
        count = 0;
        if (message.Length < HeaderLength || BinaryPrimitives.ReadUInt16BigEndian(message) != identifier)
        {
            return null;
        }

        // The question comes back; one that differs means that the answer was not made for us (RFC 5452, 9.1).
        ushort flags = BinaryPrimitives.ReadUInt16BigEndian(message[2..]);
        int questions = BinaryPrimitives.ReadUInt16BigEndian(message[4..]);
        int answers = BinaryPrimitives.ReadUInt16BigEndian(message[6..]);
        int offset = HeaderLength;
        Span<byte> current = stackalloc byte[MaximumNameLength];
        bool isAnswer = (flags & (Response | OpcodeMask)) == Response
            && questions == 1
            && TryReadName(message, ref offset, current, out int length)
            && IsSame(current[..length], name)
            && offset + 4 <= message.Length
            && BinaryPrimitives.ReadUInt16BigEndian(message[offset..]) == TypeAddress
            && BinaryPrimitives.ReadUInt16BigEndian(message[(offset + 2)..]) == ClassInternet;
        if (!isAnswer)
        {
            return null;
        }

        var code = (DnsCode)(flags & CodeMask);
        return code == DnsCode.None && !TryReadRecords(message, offset + 4, answers, name, addresses, out count)
            ? DnsCode.FormatError
            : code;
    }

    /// <summary>Follows the aliases of a name, wherever they stand, to its addresses.</summary>
    private static bool TryReadRecords(
        ReadOnlySpan<byte> message,
        int start,
        int answers,
        ReadOnlySpan<byte> name,
        Span<IPv4Address> addresses,
        out int count)
    {
        count = 0;
        Span<byte> wanted = stackalloc byte[MaximumNameLength];
        Span<byte> owner = stackalloc byte[MaximumNameLength];
        name.CopyTo(wanted);
        int wantedLength = name.Length;
        for (int alias = 0; alias < AliasLimit; alias++)
        {
            int offset = start;
            bool isAlias = false;
            for (int i = 0; i < answers && !isAlias; i++)
            {
                if (!TryReadName(message, ref offset, owner, out int ownerLength) || offset + 10 > message.Length)
                {
                    // An answer that was cut off: what came before counts (RFC 2181, 9).
                    return count > 0;
                }

                ushort type = BinaryPrimitives.ReadUInt16BigEndian(message[offset..]);
                ushort network = BinaryPrimitives.ReadUInt16BigEndian(message[(offset + 2)..]);
                int length = BinaryPrimitives.ReadUInt16BigEndian(message[(offset + 8)..]);
                int data = offset + 10;
                offset = data + length;
                if (offset > message.Length)
                {
                    return count > 0;
                }

                if (network != ClassInternet || !IsSame(owner[..ownerLength], wanted[..wantedLength]))
                {
                    continue;
                }

                if (type == TypeAddress && length == IPv4Address.Length && count < addresses.Length)
                {
                    addresses[count++] = new IPv4Address(message[data..]);
                }
                else if (type == TypeAlias)
                {
                    isAlias = TryReadName(message, ref data, wanted, out wantedLength);
                    if (!isAlias)
                    {
                        return false;
                    }
                }
            }

            if (!isAlias)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>Reads a name, parts of which may stand elsewhere in the message (RFC 1035, 4.1.4).</summary>
    private static bool TryReadName(ReadOnlySpan<byte> message, ref int offset, Span<byte> name, out int length)
    {
        length = 0;
        int position = offset;
        int limit = offset;
        bool hasJumped = false;
        while (position < message.Length)
        {
            int label = message[position];
            if (label >= 0xC0)
            {
                // A pointer leads back, always further, so this ends.
                bool isWhole = position + 1 < message.Length;
                int target = isWhole ? ((label & 0x3F) << 8) | message[position + 1] : int.MaxValue;
                if (target >= limit)
                {
                    return false;
                }

                offset = hasJumped ? offset : position + 2;
                hasJumped = true;
                position = target;
                limit = target;
                continue;
            }

            if (label > LongestLabel
                || position + 1 + label > message.Length
                || length + 1 + label > MaximumNameLength)
            {
                return false;
            }

            message.Slice(position, label + 1).CopyTo(name[length..]);
            length += label + 1;
            position += label + 1;
            if (label == 0)
            {
                offset = hasJumped ? offset : position;
                return true;
            }
        }

        return false;
    }

    /// <summary>Compares two names; case makes no difference (RFC 4343).</summary>
    private static bool IsSame(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right) =>
        Ascii.EqualsIgnoreCase(left, right);
}

/// <summary>What a DNS server says of a question (RCODE; RFC 1035, 4.1.1).</summary>
internal enum DnsCode
{
    None = 0,
    FormatError = 1,
    ServerFailure = 2,
    NameError = 3,
    NotImplemented = 4,
    Refused = 5,
}
