using VirtioGuest.Hal;

namespace VirtioGuest.Net;

/// <summary>Puts into words why there is no reply to an echo request.</summary>
internal static class PingResults
{
    public static readonly PingResult TimedOut = PingResult.Unanswered(PingStatus.TimedOut, "no reply");

    public static readonly PingResult NoNeighbour =
        PingResult.Unanswered(PingStatus.NoNeighbour, "the next hop does not answer ARP");

    public static readonly PingResult NotUnicast =
        PingResult.Unanswered(PingStatus.NotUnicast, "the destination is not the address of a single host");

    /// <summary>The request was not sent, or too many are in flight.</summary>
    public static PingResult NotSent(SendStatus reason) => PingResult.Unanswered(
        reason is SendStatus.LinkDown or SendStatus.Busy ? PingStatus.NotSent : PingStatus.CannotSend,
        Describe(reason));

    /// <summary>A host says that the destination cannot be reached.</summary>
    /// <param name="from">The host.</param>
    /// <param name="code">The ICMP code (RFC 792; RFC 1122, 3.2.2.1).</param>
    public static PingResult Unreachable(IPv4Address from, byte code) =>
        PingResult.Unanswered(PingStatus.Unreachable, $"{from} says: {DescribeCode(code)}");

    private static string Describe(SendStatus status) => status switch
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
