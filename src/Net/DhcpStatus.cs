namespace VirtioGuest.Net;

/// <summary>How an attempt to get an address by DHCP ended.</summary>
public enum DhcpStatus
{
    /// <summary>A server granted an address, and it is in use.</summary>
    Bound,

    /// <summary>The link is down.</summary>
    LinkDown,

    /// <summary>Another attempt is under way, or was ended by setting an address by hand.</summary>
    Busy,

    /// <summary>No server offered a usable address in time.</summary>
    NoOffer,

    /// <summary>A server answered, but none with an address that can be used.</summary>
    UnusableOffer,

    /// <summary>A server offered an address but did not confirm it in time.</summary>
    NoAcknowledgement,

    /// <summary>The last answer was a refusal (DHCPNAK).</summary>
    Refused,
}
