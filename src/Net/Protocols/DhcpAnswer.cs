using System.Numerics;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>What a DHCP server said, and from where.</summary>
/// <param name="Message">The message.</param>
/// <param name="Source">The IPv4 source address that it came from: the server's, or a relay agent's.</param>
internal readonly record struct DhcpAnswer(DhcpMessage Message, IPv4Address Source)
{
    /// <summary>The lease of a server that names no time: an hour, which is short enough to do no harm.</summary>
    private const uint DefaultLeaseSeconds = 3600;

    /// <summary>Whether the server says who it is.</summary>
    public bool IsSigned => Message.ServerIdentifier.IsUnicast;

    /// <summary>Who the server is; where it does not say, whoever the message came from.</summary>
    public IPv4Address Server => IsSigned ? Message.ServerIdentifier : Source;

    /// <summary>For how long the address is granted, in seconds. BOOTP grants for ever (RFC 1534, 2).</summary>
    public uint LeaseSeconds =>
        Message.LeaseSeconds ?? (Message.Type == DhcpMessageType.None ? uint.MaxValue : DefaultLeaseSeconds);

    /// <summary>Whether another answer is from the same server.</summary>
    public bool IsFromSameServer(in DhcpAnswer other)
    {
        return IsSigned && other.IsSigned
            ? Server == other.Server
            : Source == other.Source || Server == other.Server;
    }

    /// <summary>This answer, with what it leaves out taken from an earlier one about the same address.</summary>
    public DhcpAnswer CompletedBy(in DhcpAnswer earlier)
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

    /// <summary>The configuration that the server offers or grants; null where the address can be nobody's.</summary>
    /// <remarks>
    /// An address is worth having although the mask, the way out or the name server makes no sense. Of several routers
    /// and name servers it is the first that can be one.
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

        // Without a mask the address' class tells (RFC 791, 2.3), unless by that the address would mean everyone.
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
