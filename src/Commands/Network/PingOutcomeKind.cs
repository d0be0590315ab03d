namespace VirtioGuest.Commands.Network;

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
