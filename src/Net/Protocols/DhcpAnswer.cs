using System;
using System.Numerics;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>What a DHCP server said, and from where.</summary>
/// <param name="Message">The message.</param>
/// <param name="Source">The IPv4 source address that it came from: the server's, or a relay agent's.</param>
internal readonly record struct DhcpAnswer(DhcpMessage Message, IPv4Address Source)
{
    /// <summary>The lease where the server names no time: an hour, which is short enough to do no harm.</summary>
    private const uint DefaultLeaseSeconds = 3600;

    public bool HasServerIdentifier => Message.ServerIdentifier.IsUnicast;

    /// <summary>The server; where it does not identify itself, the host that the message came from.</summary>
    public IPv4Address Server => HasServerIdentifier ? Message.ServerIdentifier : Source;

    /// <summary>How long the lease lasts, in seconds. BOOTP grants for ever (RFC 1534, 2).</summary>
    public uint LeaseSeconds =>
        Message.LeaseSeconds ?? (Message.Type == DhcpMessageType.None ? uint.MaxValue : DefaultLeaseSeconds);

    public bool IsFromSameServer(in DhcpAnswer other)
    {
        return HasServerIdentifier && other.HasServerIdentifier
            ? Server == other.Server
            : Source == other.Source || Server == other.Server;
    }

    /// <summary>This answer; what it leaves out is taken from an earlier one about the same address.</summary>
    public DhcpAnswer WithDefaultsFrom(in DhcpAnswer earlier)
    {
        DhcpMessage before = earlier.Message;
        return Message.YourAddress != before.YourAddress ? this : this with
        {
            Message = Message with
            {
                SubnetMask = Message.SubnetMask.IsAny ? before.SubnetMask : Message.SubnetMask,
                Routers = Message.Routers.IsEmpty ? before.Routers : Message.Routers,
                NameServers = Message.NameServers.IsEmpty ? before.NameServers : Message.NameServers,
                InterfaceMtu = Message.InterfaceMtu == 0 ? before.InterfaceMtu : Message.InterfaceMtu,
                LeaseSeconds = Message.LeaseSeconds ?? before.LeaseSeconds,
            },
        };
    }

    /// <summary>The configuration that the server offers or grants; null where no host can have the address.</summary>
    /// <remarks>
    /// An address is worth having even if the mask, the router or the name server makes no sense. Of several routers or
    /// name servers, the first that can be one is used.
    /// </remarks>
    public IPv4Configuration? ToConfiguration()
    {
        IPv4Configuration? configuration = WithoutServers();
        if (configuration is null || configuration.Address == Server)
        {
            return null;
        }

        for (int i = 0; i < DhcpAddresses.Capacity && configuration.Gateway.IsAny; i++)
        {
            configuration = configuration.With(gateway: Message.Routers[i], nameServer: default) ?? configuration;
        }

        for (int i = 0; i < DhcpAddresses.Capacity && configuration.NameServer.IsAny; i++)
        {
            configuration = configuration.With(configuration.Gateway, Message.NameServers[i]) ?? configuration;
        }

        return configuration.WithMtu(Message.InterfaceMtu);
    }

    private IPv4Configuration? WithoutServers()
    {
        IPv4Address address = Message.YourAddress;
        uint mask = Message.SubnetMask.Value;
        int prefixLength = BitOperations.LeadingZeroCount(~mask);
        if (mask != 0 && mask == uint.MaxValue << (32 - prefixLength))
        {
            return Create(address, prefixLength);
        }

        // Without a mask the address's class decides (RFC 791, 2.3), unless that makes it a broadcast address.
        return Create(address, ClassPrefixLength(address)) ?? Create(address, 32);
    }

    private static IPv4Configuration? Create(IPv4Address address, int prefixLength)
    {
        return IPv4Configuration.TryCreate(
            address, prefixLength, default, default, out IPv4Configuration? configuration) ? configuration : null;
    }

    private static int ClassPrefixLength(IPv4Address address)
    {
        return address.Value >> 31 == 0 ? 8 : address.Value >> 30 == 0b10 ? 16 : 24;
    }
}

/// <summary>When a lease is to be renewed, rebound and given up (RFC 2131, 4.4.5).</summary>
internal readonly record struct DhcpTimes(TimeSpan Renewal, TimeSpan Rebinding, TimeSpan Expiry)
{
    /// <summary>The times of a lease that never expires.</summary>
    public static DhcpTimes Never { get; } = new(TimeSpan.MaxValue, TimeSpan.MaxValue, TimeSpan.MaxValue);

    /// <summary>The times of a lease that was requested at a given time.</summary>
    public static DhcpTimes From(in DhcpMessage acknowledgement, uint leaseSeconds, TimeSpan requested)
    {
        if (leaseSeconds == uint.MaxValue)
        {
            return Never;
        }

        // What the server says counts only where the three times are in order.
        double rebinding = acknowledgement.RebindingSeconds ?? leaseSeconds;
        double renewal = acknowledgement.RenewalSeconds ?? 0;
        if (rebinding >= leaseSeconds || renewal >= rebinding)
        {
            rebinding = leaseSeconds * 0.875;
        }

        if (renewal == 0 || renewal >= rebinding)
        {
            renewal = Math.Min(leaseSeconds * 0.5, rebinding);
        }

        return new DhcpTimes(
            requested + TimeSpan.FromSeconds(renewal),
            requested + TimeSpan.FromSeconds(rebinding),
            requested + TimeSpan.FromSeconds(leaseSeconds));
    }
}
