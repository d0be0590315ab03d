namespace VirtioGuest.Net.Wire;

/// <summary>The DHCP options that the stack reads or writes (RFC 2132).</summary>
internal enum DhcpOption : byte
{
    /// <summary>A byte without length or meaning (3.1).</summary>
    Pad = 0,

    /// <summary>The subnet mask (3.3).</summary>
    SubnetMask = 1,

    /// <summary>Routers in order of preference (3.5).</summary>
    Router = 3,

    /// <summary>Name servers in order of preference (3.8).</summary>
    NameServer = 6,

    /// <summary>The largest packet that the network carries (5.1).</summary>
    InterfaceMtu = 26,

    /// <summary>The address that a client wants (9.1).</summary>
    RequestedAddress = 50,

    /// <summary>For how many seconds an address is granted (9.2).</summary>
    LeaseTime = 51,

    /// <summary>Whether the file and server name fields hold options, too (9.3).</summary>
    Overload = 52,

    /// <summary>What the message is for (9.6).</summary>
    MessageType = 53,

    /// <summary>Which server it comes from or goes to (9.7).</summary>
    ServerIdentifier = 54,

    /// <summary>Which options a client would like to have (9.8).</summary>
    ParameterRequestList = 55,

    /// <summary>After how many seconds a client asks its server to prolong the lease (9.11).</summary>
    RenewalTime = 58,

    /// <summary>After how many seconds a client asks any server to prolong the lease (9.12).</summary>
    RebindingTime = 59,

    /// <summary>No more options follow (3.2).</summary>
    End = 255,
}
