namespace VirtioGuest.Net;

/// <summary>How an attempt to get an address by DHCP ended, and what it brought.</summary>
public readonly struct DhcpResult
{
    internal DhcpResult(DhcpStatus status, DhcpLease? lease = null)
    {
        Status = status;
        Lease = lease;
    }

    /// <summary>How it ended.</summary>
    public DhcpStatus Status { get; }

    /// <summary>What was granted, for <see cref="DhcpStatus.Bound"/>, else null.</summary>
    public DhcpLease? Lease { get; }

    /// <summary>The result in words.</summary>
    public override string ToString() => Status switch
    {
        DhcpStatus.Bound => $"{Lease}",
        DhcpStatus.LinkDown => "the link is down",
        DhcpStatus.Busy => "interrupted by another configuration",
        DhcpStatus.NoOffer => "no DHCP server offered an address",
        DhcpStatus.UnusableOffer => "no DHCP server offered an address that can be used",
        DhcpStatus.NoAcknowledgement => "the DHCP server did not confirm its offer",
        DhcpStatus.Refused => "the DHCP server refused",
        _ => "unknown result",
    };
}

/// <summary>How an attempt to get an address by DHCP ended.</summary>
public enum DhcpStatus
{
    /// <summary>A server granted an address, and it is in use.</summary>
    Bound,

    /// <summary>The link is down.</summary>
    LinkDown,

    /// <summary>Another attempt is under way, or this one ended because an address was set by hand.</summary>
    Busy,

    /// <summary>No server offered an address in time.</summary>
    NoOffer,

    /// <summary>A server answered, but none with an address that can be used.</summary>
    UnusableOffer,

    /// <summary>A server offered an address but did not confirm it in time.</summary>
    NoAcknowledgement,

    /// <summary>The last answer was a refusal (DHCPNAK).</summary>
    Refused,
}

/// <summary>What a DHCP server granted (RFC 2131).</summary>
public sealed class DhcpLease
{
    internal DhcpLease(IPv4Configuration configuration, IPv4Address server, uint seconds)
    {
        Configuration = configuration;
        Server = server;
        Seconds = seconds;
    }

    /// <summary>The address and what goes with it.</summary>
    public IPv4Configuration Configuration { get; }

    /// <summary>The server that granted it.</summary>
    public IPv4Address Server { get; }

    /// <summary>How many seconds the lease lasts; 0xFFFFFFFF means for ever (RFC 2131, 3.3).</summary>
    public uint Seconds { get; }

    /// <summary>Whether the lease never expires.</summary>
    public bool IsInfinite => Seconds == uint.MaxValue;

    /// <summary>The lease as <c>10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3, lease 86400 s</c>.</summary>
    public override string ToString() =>
        IsInfinite ? $"{Configuration}, unlimited lease" : $"{Configuration}, lease {Seconds} s";
}
