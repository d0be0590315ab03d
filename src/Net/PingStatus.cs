namespace VirtioGuest.Net;

/// <summary>How an echo request ended.</summary>
public enum PingStatus
{
    /// <summary>The reply arrived.</summary>
    Replied,

    /// <summary>Nothing arrived in time.</summary>
    TimedOut,

    /// <summary>Someone on the way said that the destination cannot be reached.</summary>
    Unreachable,

    /// <summary>This host has no address yet.</summary>
    NoAddress,

    /// <summary>The destination is not on the link and there is no gateway.</summary>
    NoRoute,

    /// <summary>The destination is everyone's, a group's or nobody's address.</summary>
    NoSingleHost,

    /// <summary>The next hop did not answer ARP.</summary>
    NoNeighbour,

    /// <summary>The link is down.</summary>
    LinkDown,

    /// <summary>There was no room to send, or too many echo requests are under way.</summary>
    Busy,

    /// <summary>The payload does not fit into a packet, even one in fragments.</summary>
    TooLarge,
}
