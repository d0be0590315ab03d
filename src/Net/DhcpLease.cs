namespace VirtioGuest.Net;

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

    /// <summary>For how many seconds it was granted; 0xFFFFFFFF is without an end (RFC 2131, 3.3).</summary>
    public uint Seconds { get; }

    /// <summary>Whether it was granted without an end.</summary>
    public bool IsInfinite => Seconds == uint.MaxValue;

    /// <summary>The lease as <c>10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3, lease 86400 s</c>.</summary>
    public override string ToString() =>
        IsInfinite ? $"{Configuration}, unlimited lease" : $"{Configuration}, lease {Seconds} s";
}
