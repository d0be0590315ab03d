namespace VirtioGuest.Net;

/// <summary>What became of a packet that was to be sent.</summary>
public enum SendStatus
{
    /// <summary>The device took it, or it was for this host itself.</summary>
    Sent,

    /// <summary>It waits until the next hop has answered ARP; it is dropped if that does not happen.</summary>
    Queued,

    /// <summary>This host has no address yet.</summary>
    NoAddress,

    /// <summary>The destination is not on the link and there is no gateway, or it can be nobody's address.</summary>
    NoRoute,

    /// <summary>It does not fit into a packet, even one in fragments.</summary>
    TooLarge,

    /// <summary>The link is down.</summary>
    LinkDown,

    /// <summary>There was no room, at the device or in the queue of packets that wait for ARP.</summary>
    Busy,

    /// <summary>The socket is closed.</summary>
    Closed,
}
