namespace VirtioGuest.Net.Wire;

/// <summary>The kinds of ICMP message that the stack knows (RFC 792).</summary>
internal enum IcmpType : byte
{
    /// <summary>The answer to an echo request.</summary>
    EchoReply = 0,

    /// <summary>A packet could not be delivered.</summary>
    DestinationUnreachable = 3,

    /// <summary>Asks for an echo reply.</summary>
    EchoRequest = 8,
}
