namespace VirtioGuest.Commands.Network;

/// <summary>How an echo request ended, and what the answer said.</summary>
public sealed class PingOutcome
{
    private PingOutcome(PingOutcomeKind kind, string reason, uint from, ulong nanoseconds)
    {
        Kind = kind;
        Reason = reason;
        From = from;
        RoundTripNanoseconds = nanoseconds;
    }

    /// <summary>How it ended.</summary>
    public PingOutcomeKind Kind { get; }

    /// <summary>Why there was no reply, in a few words; empty for <see cref="PingOutcomeKind.Replied"/>.</summary>
    public string Reason { get; }

    /// <summary>
    /// Who answered, for <see cref="PingOutcomeKind.Replied"/>; the highest byte is the one written first.
    /// </summary>
    public uint From { get; }

    /// <summary>
    /// From sending the request to receiving the answer, in nanoseconds; for <see cref="PingOutcomeKind.Replied"/>.
    /// </summary>
    public ulong RoundTripNanoseconds { get; }

    /// <summary>The reply arrived.</summary>
    /// <param name="from">Who answered.</param>
    /// <param name="nanoseconds">From sending the request to receiving the answer.</param>
    public static PingOutcome Replied(uint from, ulong nanoseconds) =>
        new(PingOutcomeKind.Replied, "", from, nanoseconds);

    /// <summary>Nothing arrived in time.</summary>
    public static PingOutcome TimedOut() => new(PingOutcomeKind.TimedOut, "no reply", 0, 0);

    /// <summary>There will be no reply to this request.</summary>
    /// <param name="why">In a few words.</param>
    public static PingOutcome Failed(string why) => new(PingOutcomeKind.Failed, why, 0, 0);

    /// <summary>There will be no reply to any request.</summary>
    /// <param name="why">In a few words.</param>
    public static PingOutcome CannotSend(string why) => new(PingOutcomeKind.CannotSend, why, 0, 0);
}

/// <summary>The ways in which an echo request ends.</summary>
public enum PingOutcomeKind
{
    /// <summary>The reply arrived.</summary>
    Replied,

    /// <summary>Nothing arrived in time.</summary>
    TimedOut,

    /// <summary>There will be no reply to this request, for a reason.</summary>
    Failed,

    /// <summary>There will be no reply to any request: no address, or no way to the destination.</summary>
    CannotSend,
}
