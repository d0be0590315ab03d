using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>A host's IPv4 on one link: checks what comes in, routes what goes out (RFC 791; RFC 1122, 3).</summary>
/// <remarks>It forwards nothing.</remarks>
internal sealed class IPv4Interface
{
    private const byte DefaultTimeToLive = 64;
    private const int PayloadOffset = EthernetHeader.Length + IPv4Header.MinimumLength;

    private readonly IPv4Output _output;
    private readonly ArpCache _arp;
    private byte[] _frame = IPv4Output.NewFrame();
    private byte[] _loopback = IPv4Output.NewFrame();
    private int _loopbackLength;
    private ushort _identification;

    public IPv4Interface(IPv4Output output, ArpCache arp, Random random)
    {
        _output = output;
        _arp = arp;
        _identification = (ushort)random.Next(ushort.MaxValue + 1);
    }

    /// <summary>The address and what goes with it; null where there is none.</summary>
    public IPv4Configuration? Configuration { get; private set; }

    /// <summary>
    /// Where the payload of the next packet to send is built; its content is lost when anything is sent.
    /// </summary>
    public Span<byte> Payload => _frame.AsSpan(PayloadOffset);

    public void Configure(IPv4Configuration? configuration)
    {
        Configuration = configuration;
        _loopbackLength = 0;
        _output.SetMtu(configuration?.Mtu ?? 0);
        _arp.Configure(configuration);
    }

    /// <summary>Checks a received packet's header and addresses.</summary>
    /// <param name="packet">The packet, perhaps with padding.</param>
    /// <param name="header">Its header, where it is valid.</param>
    /// <param name="delivery">Whom it is for, where it is valid.</param>
    /// <param name="reason">What is wrong with it, where it is not.</param>
    public bool TryReceive(
        ReadOnlySpan<byte> packet, out IPv4Header header, out Delivery delivery, out DropReason reason)
    {
        delivery = Delivery.Other;
        if (!IPv4Header.TryParse(packet, out header, out reason))
        {
            return false;
        }

        if (Configuration is null ? !header.Source.IsUnicast : !Configuration.IsOtherHost(header.Source))
        {
            reason = DropReason.IPv4BadSource;
            return false;
        }

        if (header.Destination.IsBroadcast || (Configuration?.IsBroadcast(header.Destination) ?? false))
        {
            delivery = Delivery.Broadcast;
        }
        else if (header.Destination == Configuration?.Address)
        {
            delivery = Delivery.Unicast;
        }

        return true;
    }

    /// <summary>Finds the next hop: the gateway, or the destination itself for broadcasts and on the link.</summary>
    /// <returns>Whether there is a way to the destination.</returns>
    public bool TryRoute(IPv4Address destination, out IPv4Address nextHop)
    {
        nextHop = destination;
        if (Configuration is null)
        {
            return false;
        }

        if (Configuration.IsBroadcast(destination) || destination == Configuration.Address)
        {
            return true;
        }

        if (!Configuration.IsOtherHost(destination))
        {
            return false;
        }

        if (!Configuration.IsOnLink(destination))
        {
            nextHop = Configuration.Gateway;
        }

        return !nextHop.IsAny;
    }

    /// <summary>Sends the first <paramref name="length"/> bytes of <see cref="Payload"/>.</summary>
    public SendStatus Send(IPv4Address destination, IPv4Protocol protocol, int length, TimeSpan now)
    {
        if (Configuration is null)
        {
            return SendStatus.NoAddress;
        }

        if (!TryRoute(destination, out IPv4Address nextHop))
        {
            return SendStatus.NoRoute;
        }

        if (length > Payload.Length)
        {
            return SendStatus.TooLarge;
        }

        int total = WriteHeader(Configuration.Address, destination, protocol, length);
        if (destination == Configuration.Address)
        {
            return LoopBack(total);
        }

        return Configuration.IsBroadcast(destination)
            ? _output.Send(_frame, total, MacAddress.Broadcast)
            : _arp.Send(nextHop, _frame, total, now);
    }

    /// <summary>
    /// Broadcasts the first <paramref name="length"/> bytes of <see cref="Payload"/>, from no address (RFC 1122,
    /// 3.2.1.3, a).
    /// </summary>
    public SendStatus SendUnconfigured(IPv4Protocol protocol, int length)
    {
        int total = WriteHeader(IPv4Address.Any, IPv4Address.Broadcast, protocol, length);
        return _output.Send(_frame, total, MacAddress.Broadcast);
    }

    /// <summary>Takes the packet that this host last sent to itself.</summary>
    /// <param name="packet">The packet; valid until the next one is sent.</param>
    /// <param name="header">Its header.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryTakeLoopback(out ReadOnlySpan<byte> packet, out IPv4Header header)
    {
        packet = _loopback.AsSpan(EthernetHeader.Length, _loopbackLength);
        _loopbackLength = 0;
        return IPv4Header.TryParse(packet, out header, out _);
    }

    private int WriteHeader(IPv4Address source, IPv4Address destination, IPv4Protocol protocol, int length)
    {
        int total = IPv4Header.MinimumLength + length;
        var header = new IPv4Header(
            IPv4Header.MinimumLength,
            total,
            _identification++,
            Fragment: 0,
            DefaultTimeToLive,
            protocol,
            source,
            destination);
        header.Write(_frame.AsSpan(EthernetHeader.Length));
        return total;
    }

    private SendStatus LoopBack(int total)
    {
        (_frame, _loopback) = (_loopback, _frame);
        _loopbackLength = total;
        return SendStatus.Sent;
    }
}

/// <summary>Whom a received packet is for.</summary>
internal enum Delivery
{
    /// <summary>This host alone.</summary>
    Unicast,

    /// <summary>All hosts on the link.</summary>
    Broadcast,

    /// <summary>Another host; or us, at an address that DHCP has offered but not granted yet.</summary>
    Other,
}
