using System;

namespace VirtioGuest.Net.Wire;

/// <summary>The options of a DHCP message, each put together from its parts (RFC 2132; RFC 3396).</summary>
/// <remarks>
/// An option that runs past the end of its field ends the field; those before it count. Only the options field itself
/// can say that options continue in the file field, then in the server name field (RFC 2131, 4.1).
/// </remarks>
internal readonly ref struct DhcpOptions
{
    private const byte FileFlag = 1;
    private const byte ServerNameFlag = 2;

    private readonly ReadOnlySpan<byte> _own;
    private readonly ReadOnlySpan<byte> _file;
    private readonly ReadOnlySpan<byte> _serverName;

    /// <param name="own">The options field, behind the magic cookie.</param>
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
    /// <param name="option">The option.</param>
    /// <param name="value">Receives as many of its bytes as fit.</param>
    /// <returns>How many bytes were written; 0 where the message does not have the option.</returns>
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

/// <summary>The DHCP options that the stack reads or writes (RFC 2132).</summary>
internal enum DhcpOption : byte
{
    /// <summary>A byte without length or meaning (3.1).</summary>
    Pad = 0,

    /// <summary>The subnet mask (3.3).</summary>
    SubnetMask = 1,

    /// <summary>Routers in order of preference (3.5).</summary>
    Router = 3,

    /// <summary>Name servers in order of preference (3.8).</summary>
    NameServer = 6,

    /// <summary>The largest packet that the network carries (5.1).</summary>
    InterfaceMtu = 26,

    /// <summary>The address that a client wants (9.1).</summary>
    RequestedAddress = 50,

    /// <summary>How many seconds a lease lasts (9.2).</summary>
    LeaseTime = 51,

    /// <summary>Whether the file and server name fields hold options as well (9.3).</summary>
    Overload = 52,

    /// <summary>What the message is for (9.6).</summary>
    MessageType = 53,

    /// <summary>The server that the message comes from or goes to (9.7).</summary>
    ServerIdentifier = 54,

    /// <summary>The options that a client would like to have (9.8).</summary>
    ParameterRequestList = 55,

    /// <summary>T1, in seconds (9.11).</summary>
    RenewalTime = 58,

    /// <summary>T2, in seconds (9.12).</summary>
    RebindingTime = 59,

    /// <summary>No more options follow (3.2).</summary>
    End = 255,
}
