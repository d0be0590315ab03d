namespace VirtioGuest.Net.Protocols;

/// <summary>Whom a received packet is for.</summary>
internal enum Delivery
{
    /// <summary>This host alone.</summary>
    Own,

    /// <summary>Everyone on the link.</summary>
    Everyone,

    /// <summary>Another host, or an address that is to become ours.</summary>
    Other,
}
