using System;
using VirtioGuest.Net.Tcp;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>The way in: takes a frame apart layer by layer, until a protocol has it or it is dropped.</summary>
internal sealed class FrameReceiver
{
    private const int LoopbackLimit = 1024;

    private readonly EthernetPort _port;
    private readonly StackCounters _counters;
    private readonly ArpCache _arp;
    private readonly IPv4Interface _ipv4;
    private readonly Reassembly _reassembly;
    private readonly IcmpInput _icmp;
    private readonly IcmpErrors _errors;
    private readonly UdpPorts _udp;
    private readonly TcpTable _tcp;
    private readonly DhcpClient _dhcp;

    public FrameReceiver(
        EthernetPort port,
        StackCounters counters,
        ArpCache arp,
        IPv4Interface ipv4,
        Reassembly reassembly,
        IcmpInput icmp,
        IcmpErrors errors,
        UdpPorts udp,
        TcpTable tcp,
        DhcpClient dhcp)
    {
        _port = port;
        _counters = counters;
        _arp = arp;
        _ipv4 = ipv4;
        _reassembly = reassembly;
        _icmp = icmp;
        _errors = errors;
        _udp = udp;
        _tcp = tcp;
        _dhcp = dhcp;
    }

    /// <param name="frame">Header and data.</param>
    /// <param name="isChecked">Whether the checksum of TCP or UDP was checked.</param>
    /// <param name="now">The time.</param>
    public void OnFrame(ReadOnlySpan<byte> frame, bool isChecked, TimeSpan now)
    {
        _counters.Received(frame.Length);
        if (!EthernetHeader.TryParse(frame, out EthernetHeader ethernet) || !ethernet.Source.IsUnicast)
        {
            _counters.Drop(DropReason.EthernetMalformed);
            return;
        }

        bool isForUs = ethernet.Destination == _port.Address
            || ethernet.Destination.IsBroadcast
            || (ethernet.Destination.IsMulticast && _ipv4.IsGroupStation(ethernet.Destination));
        if (!isForUs || ethernet.Source == _port.Address)
        {
            _counters.Drop(DropReason.EthernetNotForUs);
            return;
        }

        ReadOnlySpan<byte> data = frame[EthernetHeader.Length..];
        EtherType type = ethernet.Type;
        if (type == EtherType.Vlan && VlanTag.TryParse(data, out VlanTag tag) && tag.VlanId == 0)
        {
            // No VLAN: the tag carries a priority, which makes no difference to us.
            data = data[VlanTag.Length..];
            type = tag.Type;
        }

        switch (type)
        {
            case EtherType.Arp:
                _arp.OnPacket(data, now);
                break;

            case EtherType.IPv4:
                OnPacket(data, ethernet.Destination.IsMulticast, isChecked, now);
                break;

            case EtherType.Vlan:
                _counters.Drop(DropReason.EthernetVlan);
                break;

            default:
                _counters.Drop(
                    type < EtherType.Smallest ? DropReason.EthernetLengthField : DropReason.EthernetUnknownType);
                break;
        }
    }

    /// <summary>Receives what this host has just sent to itself, and the answers to that.</summary>
    public void ReceiveLoopback(TimeSpan now)
    {
        // A bound, so that whatever this host may have to say to itself cannot hold up everyone else.
        int left = LoopbackLimit;
        while (left-- > 0 && _ipv4.TryTakeLoopback(out ReadOnlySpan<byte> packet, out IPv4Header header))
        {
            OnPayload(header, packet[header.HeaderLength..], Delivery.Unicast, isChecked: false, now);
        }
    }

    private void OnPacket(ReadOnlySpan<byte> packet, bool isGroupFrame, bool isChecked, TimeSpan now)
    {
        if (!_ipv4.TryReceive(packet, out IPv4Header header, out Delivery delivery, out DropReason reason))
        {
            _counters.Drop(reason);
            return;
        }

        // A frame for many must not carry the address of one (RFC 1122, 3.3.6).
        if (delivery == Delivery.Unicast && isGroupFrame)
        {
            delivery = Delivery.Other;
        }

        // A server sends the first lease to the address that it offers, which is not ours yet (RFC 2131, 4.1).
        bool mayBeDhcp = header.Protocol == IPv4Protocol.Udp && _dhcp.IsListening;
        if (delivery == Delivery.Other && !mayBeDhcp)
        {
            _counters.Drop(DropReason.IPv4NotForUs);
            return;
        }

        ReadOnlySpan<byte> payload = packet[header.HeaderLength..header.TotalLength];
        if (!header.IsFragment || _reassembly.TryComplete(header, payload, now, out payload))
        {
            // What was said of a fragment was not said of the whole.
            OnPayload(header, payload, delivery, isChecked && !header.IsFragment, now);
        }
    }

    private void OnPayload(
        in IPv4Header header, ReadOnlySpan<byte> payload, Delivery delivery, bool isChecked, TimeSpan now)
    {
        switch (header.Protocol)
        {
            case IPv4Protocol.Icmp:
                _icmp.OnMessage(header, payload, delivery, now);
                break;

            case IPv4Protocol.Tcp when delivery == Delivery.Unicast:
                _tcp.OnSegment(
                    new IpEndpoint(header.Destination, 0),
                    new IpEndpoint(header.Source, 0),
                    payload,
                    isChecked
                        ? null
                        : TcpOverIPv4.PseudoHeaderSum(header.Source, header.Destination, payload.Length),
                    now);
                break;

            case IPv4Protocol.Tcp:
                // A connection has two ends (RFC 9293, 3.9.2.3).
                _counters.Drop(DropReason.IPv4NotForUs);
                break;

            case IPv4Protocol.Udp:
                OnDatagram(header, payload, delivery, isChecked, now);
                break;

            default:
                _counters.Drop(DropReason.IPv4UnknownProtocol);
                _errors.Send(header, payload, delivery, IcmpMessage.ProtocolUnreachable, now);
                break;
        }
    }

    private void OnDatagram(
        in IPv4Header header, ReadOnlySpan<byte> payload, Delivery delivery, bool isChecked, TimeSpan now)
    {
        if (!UdpHeader.TryParse(payload, out UdpHeader udp))
        {
            _counters.Drop(DropReason.UdpMalformed);
            return;
        }

        ReadOnlySpan<byte> datagram = payload[..udp.DatagramLength];
        if (!isChecked && !UdpHeader.IsChecksumCorrect(header.Source, header.Destination, datagram))
        {
            _counters.Drop(DropReason.UdpChecksum);
            return;
        }

        ReadOnlySpan<byte> data = datagram[UdpHeader.Length..];
        if (_dhcp.IsListening && udp.DestinationPort == DhcpMessage.ClientPort)
        {
            _dhcp.OnMessage(header.Source, data, now);
        }
        else if (delivery == Delivery.Other)
        {
            _counters.Drop(DropReason.IPv4NotForUs);
        }
        else if (!_udp.OnDatagram(header.Source, header.Destination, udp, data))
        {
            _errors.Send(header, payload, delivery, IcmpMessage.PortUnreachable, now);
        }
    }
}
