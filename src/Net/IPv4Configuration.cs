using System.Diagnostics.CodeAnalysis;

namespace VirtioGuest.Net;

/// <summary>A host's address on a link and the way to other links. Always a combination that can work.</summary>
public sealed class IPv4Configuration
{
    private IPv4Configuration(IPv4Address address, int prefixLength, IPv4Address gateway, IPv4Address nameServer)
    {
        Address = address;
        PrefixLength = prefixLength;
        Gateway = gateway;
        NameServer = nameServer;
    }

    /// <summary>The host's own address.</summary>
    public IPv4Address Address { get; }

    /// <summary>How many leading bits all addresses on the link have in common, 1 to 32.</summary>
    public int PrefixLength { get; }

    /// <summary>The router that everything off the link goes through; <see cref="IPv4Address.Any"/> for none.</summary>
    public IPv4Address Gateway { get; }

    /// <summary>The first name server; <see cref="IPv4Address.Any"/> for none.</summary>
    public IPv4Address NameServer { get; }

    /// <summary>
    /// The largest packet to send, in bytes, where the network carries less than the link's device could; else 0.
    /// </summary>
    public int Mtu { get; private init; }

    /// <summary>
    /// The link's own broadcast address; 255.255.255.255 where the prefix leaves no room for one (RFC 3021).
    /// </summary>
    public IPv4Address DirectedBroadcast =>
        PrefixLength < 31 ? new IPv4Address(Address.Value | ~Mask) : IPv4Address.Broadcast;

    private uint Mask => uint.MaxValue << (32 - PrefixLength);

    /// <summary>Creates a configuration, if its parts fit together.</summary>
    /// <param name="address">A host address: neither the network's own nor its broadcast address.</param>
    /// <param name="prefixLength">1 to 32.</param>
    /// <param name="gateway">Another host's address, on the link or not, or <see cref="IPv4Address.Any"/>.</param>
    /// <param name="nameServer">A host's address, or <see cref="IPv4Address.Any"/>.</param>
    /// <param name="configuration">The result, where there is one.</param>
    /// <returns>Whether the parts fit together.</returns>
    public static bool TryCreate(
        IPv4Address address,
        int prefixLength,
        IPv4Address gateway,
        IPv4Address nameServer,
        [NotNullWhen(true)] out IPv4Configuration? configuration)
    {
        configuration = null;
        if (prefixLength is < 1 or > 32 || !address.IsUnicast)
        {
            return false;
        }

        var candidate = new IPv4Configuration(address, prefixLength, gateway, nameServer);
        if (candidate.IsReserved(address)
            || (!gateway.IsAny && !candidate.IsOtherHost(gateway))
            || (!nameServer.IsAny && (!nameServer.IsUnicast || candidate.IsReserved(nameServer))))
        {
            return false;
        }

        configuration = candidate;
        return true;
    }

    /// <summary>Whether an address is on this link, so that no gateway is needed to reach it.</summary>
    public bool IsOnLink(IPv4Address address) => ((address.Value ^ Address.Value) & Mask) == 0;

    /// <summary>Whether an address means everyone on this link.</summary>
    public bool IsBroadcast(IPv4Address address) => address.IsBroadcast || address == DirectedBroadcast;

    /// <summary>Whether an address can be that of a host other than this one.</summary>
    public bool IsOtherHost(IPv4Address address) =>
        address.IsUnicast && address != Address && !IsReserved(address);

    /// <summary>
    /// The configuration as <c>10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3, mtu 1400</c>, without the parts that it
    /// does not have.
    /// </summary>
    public override string ToString()
    {
        string text = $"{Address}/{PrefixLength}";
        if (!Gateway.IsAny)
        {
            text += $", gateway {Gateway}";
        }

        if (!NameServer.IsAny)
        {
            text += $", dns {NameServer}";
        }

        return Mtu == 0 ? text : $"{text}, mtu {Mtu}";
    }

    /// <summary>The same with another gateway and name server; null where they do not fit.</summary>
    internal IPv4Configuration? With(IPv4Address gateway, IPv4Address nameServer)
    {
        return TryCreate(Address, PrefixLength, gateway, nameServer, out IPv4Configuration? other)
            ? other.WithMtu(Mtu)
            : null;
    }

    /// <summary>The same with an <see cref="Mtu"/>; one below what every host must accept is ignored.</summary>
    internal IPv4Configuration WithMtu(int mtu)
    {
        int usable = mtu < NetworkStack.SurePacketLength ? 0 : mtu;
        return new IPv4Configuration(Address, PrefixLength, Gateway, NameServer) { Mtu = usable };
    }

    internal bool IsSameAs(IPv4Configuration other)
    {
        return Address == other.Address
            && PrefixLength == other.PrefixLength
            && Gateway == other.Gateway
            && NameServer == other.NameServer
            && Mtu == other.Mtu;
    }

    private bool IsReserved(IPv4Address address)
    {
        uint host = address.Value & ~Mask;
        return PrefixLength < 31 && IsOnLink(address) && (host == 0 || host == ~Mask);
    }
}
