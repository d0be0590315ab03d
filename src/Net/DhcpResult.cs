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
