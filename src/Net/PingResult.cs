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

    /// <summary>
    /// From sending the request to receiving the answer, ARP included where it was needed; for
    /// <see cref="PingStatus.Replied"/>.
    /// </summary>
    public TimeSpan RoundTrip { get; internal init; }

    /// <summary>Who answered, for <see cref="PingStatus.Replied"/> and <see cref="PingStatus.Unreachable"/>.</summary>
    public IPv4Address From { get; internal init; }

    /// <summary>The answer's time to live, for <see cref="PingStatus.Replied"/>.</summary>
    public byte TimeToLive { get; internal init; }

    /// <summary>Why, for <see cref="PingStatus.Unreachable"/>: the ICMP code (RFC 792; RFC 1122, 3.2.2.1).</summary>
    public byte Code { get; internal init; }

    /// <summary>The result in words.</summary>
    public override string ToString() => Status switch
    {
        PingStatus.Replied => $"reply from {From}",
        PingStatus.TimedOut => "no reply",
        PingStatus.Unreachable => $"{From} says: {DescribeCode(Code)}",
        PingStatus.NoAddress => "no address configured",
        PingStatus.NoRoute => "the destination is on another network and there is no gateway",
        PingStatus.NoSingleHost => "the destination is not the address of a single host",
        PingStatus.NoNeighbour => "the next hop does not answer ARP",
        PingStatus.LinkDown => "the link is down",
        PingStatus.Busy => "no room to send",
        PingStatus.TooLarge => "the payload is too large for a packet",
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
