using System;

namespace VirtioGuest.Net;

/// <summary>How an echo request ended, and what the answer said.</summary>
public readonly struct PingResult
{
    internal PingResult(PingStatus status)
    {
        Status = status;
    }

    /// <summary>How it ended.</summary>
    public PingStatus Status { get; }

    /// <summary>Why the request was not sent, for <see cref="PingStatus.NotSent"/>.</summary>
    public SendStatus SendStatus { get; internal init; }

    /// <summary>
    /// From sending the request to receiving the answer, ARP included where it was needed; for
    /// <see cref="PingStatus.Replied"/>.
    /// </summary>
    public TimeSpan RoundTrip { get; internal init; }

    /// <summary>Who answered, for <see cref="PingStatus.Replied"/> and <see cref="PingStatus.Unreachable"/>.</summary>
    public IPv4Address From { get; internal init; }

    /// <summary>The reply's time to live, for <see cref="PingStatus.Replied"/>.</summary>
    public byte TimeToLive { get; internal init; }

    /// <summary>Why, for <see cref="PingStatus.Unreachable"/>: the ICMP code (RFC 792; RFC 1122, 3.2.2.1).</summary>
    public byte Code { get; internal init; }

    /// <summary>The result in words.</summary>
    public override string ToString() => Status switch
    {
        PingStatus.Replied => $"reply from {From}",
        PingStatus.TimedOut => "no reply",
        PingStatus.Unreachable => $"{From} says: {DescribeCode(Code)}",
        PingStatus.NotUnicast => "the destination is not the address of a single host",
        PingStatus.NotSent => DescribeSend(SendStatus),
        PingStatus.NoNeighbour => "the next hop does not answer ARP",
        _ => "unknown result",
    };

    internal static PingResult NotSent(SendStatus reason) => new(PingStatus.NotSent) { SendStatus = reason };

    private static string DescribeSend(SendStatus status) => status switch
    {
        SendStatus.NoAddress => "no address configured",
        SendStatus.NoRoute => "the destination is on another network and there is no gateway",
        SendStatus.TooLarge => "the payload is too large for a packet",
        SendStatus.LinkDown => "the link is down",
        SendStatus.Busy => "no room to send",
        _ => "unknown result",
    };

    private static string DescribeCode(byte code) => code switch
    {
        0 => "network unreachable",
        1 => "host unreachable",
        2 => "protocol unreachable",
        3 => "port unreachable",
        4 => "fragmentation needed",
        5 => "source route failed",
        6 => "network unknown",
        7 => "host unknown",
        9 or 10 or 13 => "communication prohibited",
        _ => $"unreachable (code {code})",
    };
}

/// <summary>How an echo request ended.</summary>
public enum PingStatus
{
    /// <summary>The reply arrived.</summary>
    Replied,

    /// <summary>Nothing arrived in time.</summary>
    TimedOut,

    /// <summary>A host on the way reported that the destination cannot be reached.</summary>
    Unreachable,

    /// <summary>The destination is a broadcast or multicast address, or one that no host can have.</summary>
    NotUnicast,

    /// <summary>The request could not be sent, or too many echo requests are in flight.</summary>
    NotSent,

    /// <summary>The next hop did not answer ARP.</summary>
    NoNeighbour,
}
