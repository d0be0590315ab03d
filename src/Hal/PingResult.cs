namespace VirtioGuest.Hal;

/// <summary>How an echo request ended, from the stack that sent it to whoever shows it.</summary>
public sealed class PingResult
{
    private PingResult(PingStatus status, Failure? failure, uint from, ulong nanoseconds)
    {
        Status = status;
        Failure = failure;
        From = from;
        RoundTripNanoseconds = nanoseconds;
    }

    /// <summary>How it ended.</summary>
    public PingStatus Status { get; }

    /// <summary>Why there was no reply; null for <see cref="PingStatus.Replied"/>.</summary>
    public Failure? Failure { get; }

    /// <summary>
    /// Who answered, for <see cref="PingStatus.Replied"/>: an IPv4 address whose highest byte is the one written first.
    /// </summary>
    public uint From { get; }

    /// <summary>
    /// From sending the request to receiving the answer, ARP included where it was needed, in nanoseconds; for <see
    /// cref="PingStatus.Replied"/>.
    /// </summary>
    public ulong RoundTripNanoseconds { get; }

    /// <summary>The reply arrived.</summary>
    /// <param name="from">Who answered.</param>
    /// <param name="nanoseconds">From sending the request to receiving the answer.</param>
    public static PingResult Replied(uint from, ulong nanoseconds) =>
        new PingResult(PingStatus.Replied, null, from, nanoseconds);

    /// <summary>There was no reply.</summary>
    /// <param name="status">How it ended.</param>
    /// <param name="why">Why, as a sentence.</param>
    public static PingResult Unanswered(PingStatus status, string why) =>
        new PingResult(status, new Failure(why, isSentence: true), 0, 0);
}

/// <summary>The ways in which an echo request ends.</summary>
public enum PingStatus
{
    /// <summary>The reply arrived.</summary>
    Replied,

    /// <summary>Nothing arrived in time.</summary>
    TimedOut,

    /// <summary>A host on the way reported that the destination cannot be reached.</summary>
    Unreachable,

    /// <summary>The next hop did not answer ARP.</summary>
    NoNeighbour,

    /// <summary>It was not sent: the link is down, or there was no room. A later one may be.</summary>
    NotSent,

    /// <summary>
    /// No such request can be sent: there is no address or no way to the destination, or it is larger than a packet.
    /// </summary>
    CannotSend,

    /// <summary>The destination is a broadcast or multicast address, or one that no host can have.</summary>
    NotUnicast,
}
