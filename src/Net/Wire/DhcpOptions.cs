using System;

namespace VirtioGuest.Net.Wire;

/// <summary>The options of a DHCP message, each put together from its parts (RFC 2132; RFC 3396).</summary>
/// <remarks>
/// An option that runs past the end of its field ends the field; what came before it counts. Only the options field
/// itself can say that options go on in the file field, then in the server name field (RFC 2131, 4.1).
/// </remarks>
internal readonly ref struct DhcpOptions
{
    private const byte FileFlag = 1;
    private const byte ServerNameFlag = 2;

    private readonly ReadOnlySpan<byte> _own;
    private readonly ReadOnlySpan<byte> _file;
    private readonly ReadOnlySpan<byte> _serverName;

    /// <summary>Takes the three fields that may hold options.</summary>
    /// <param name="own">The options field, behind the magic cookie.</param>
    /// <param name="file">The file field.</param>
    /// <param name="serverName">The server name field.</param>
    public DhcpOptions(ReadOnlySpan<byte> own, ReadOnlySpan<byte> file, ReadOnlySpan<byte> serverName)
    {
        _own = own;
        Span<byte> overload = stackalloc byte[1];
        int length = 0;
        IsWhole = TryAppend(own, DhcpOption.Overload, overload, ref length);
        int fields = length == 1 && overload[0] <= (FileFlag | ServerNameFlag) ? overload[0] : 0;
        _file = (fields & FileFlag) != 0 ? file : default;
        _serverName = (fields & ServerNameFlag) != 0 ? serverName : default;
    }

    /// <summary>Whether no option runs past the end of the options field.</summary>
    public bool IsWhole { get; }

    /// <summary>Reads the value of an option.</summary>
    /// <param name="option">Which.</param>
    /// <param name="value">Where its first bytes go, as far as there is room.</param>
    /// <returns>How many bytes there are now; 0 where the message does not have the option.</returns>
    public int Read(DhcpOption option, Span<byte> value)
    {
        int length = 0;
        TryAppend(_own, option, value, ref length);
        TryAppend(_file, option, value, ref length);
        TryAppend(_serverName, option, value, ref length);
        return length;
    }

    private static bool TryAppend(ReadOnlySpan<byte> field, DhcpOption wanted, Span<byte> value, ref int length)
    {
        while (field.Length > 0 && field[0] != (byte)DhcpOption.End)
        {
            if (field[0] == (byte)DhcpOption.Pad)
            {
                field = field[1..];
                continue;
            }

            if (field.Length < 2 || field.Length - 2 < field[1])
            {
                return false;
            }

            ReadOnlySpan<byte> part = field.Slice(2, field[1]);
            if (field[0] == (byte)wanted)
            {
                ReadOnlySpan<byte> fitting = part[..Math.Min(part.Length, value.Length - length)];
                fitting.CopyTo(value[length..]);
                length += fitting.Length;
            }

            field = field[(2 + part.Length)..];
        }

        return true;
    }
}
