namespace VirtioGuest.Net.Protocols;

/// <summary>The states of a DHCP client (RFC 2131, figure 5).</summary>
internal enum DhcpState
{
    /// <summary>DHCP is not in use.</summary>
    Idle,

    /// <summary>Looking for an offer.</summary>
    Selecting,

    /// <summary>Waiting for the offer to be confirmed.</summary>
    Requesting,

    /// <summary>An address is granted, and it is not yet time to ask for more.</summary>
    Bound,

    /// <summary>Asking the server that granted the address for more time.</summary>
    Renewing,

    /// <summary>Asking any server for more time.</summary>
    Rebinding,
}
