using System;
using VirtioGuest.Net.Protocols;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net;

public sealed partial class NetworkStack
{
    /// <summary>
    /// Takes a frame that the device has received. Whatever is in it, this neither throws nor allocates.
    /// </summary>
    /// <param name="frame">Header and data, without the frame check sequence. Not kept after the return.</param>
    /// <remarks>
    /// Called by the driver on any thread, without a lock that <see cref="EthernetLink.TrySend"/> takes.
    /// </remarks>
    public void OnFrame(ReadOnlySpan<byte> frame)
    {
        lock (_gate)
        {
            _counters.Received(frame.Length);
            ReceiveFrame(frame, _clock.Now);
            RunDueTimers();
        }
    }

    private void ReceiveFrame(ReadOnlySpan<byte> frame, TimeSpan now)
    {
        if (!EthernetHeader.TryParse(frame, out EthernetHeader ethernet) || !ethernet.Source.IsUnicast)
        {
            _counters.Drop(DropReason.EthernetMalformed);
            return;
        }

        if ((ethernet.Destination != _port.Address && !ethernet.Destination.IsBroadcast)
            || ethernet.Source == _port.Address)
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
                ReceivePacket(data, ethernet.Destination.IsBroadcast, now);
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

    private void ReceivePacket(ReadOnlySpan<byte> packet, bool isBroadcastFrame, TimeSpan now)
    {
        if (!_ipv4.TryReceive(packet, out IPv4Header header, out Delivery delivery, out DropReason reason))
        {
            _counters.Drop(reason);
            return;
        }

        // Only a broadcast address belongs into a broadcast frame (RFC 1122, 3.3.6).
        if (delivery == Delivery.Own && isBroadcastFrame)
        {
            delivery = Delivery.Other;
        }

        // A server sends the first lease to the address that is to become ours (RFC 2131, 4.1).
        bool mayBeDhcp = header.Protocol == IPv4Protocol.Udp && _dhcp.IsListening;
        if (delivery == Delivery.Other && !mayBeDhcp)
        {
            _counters.Drop(DropReason.IPv4NotForUs);
            return;
        }

        ReadOnlySpan<byte> payload = packet[header.HeaderLength..header.TotalLength];
        if (!header.IsFragment || _reassembly.TryComplete(header, payload, now, out payload))
        {
            ReceivePayload(header, payload, delivery, now);
        }
    }

    private void ReceivePayload(in IPv4Header header, ReadOnlySpan<byte> payload, Delivery delivery, TimeSpan now)
    {
        switch (header.Protocol)
        {
            case IPv4Protocol.Icmp:
                _icmp.OnMessage(header, payload, delivery, now);
                break;

            case IPv4Protocol.Udp:
                ReceiveDatagram(header, payload, delivery, now);
                break;

            default:
                _counters.Drop(DropReason.IPv4UnknownProtocol);
                break;
        }
    }

    private void ReceiveDatagram(in IPv4Header header, ReadOnlySpan<byte> payload, Delivery delivery, TimeSpan now)
    {
        if (!UdpHeader.TryParse(payload, out UdpHeader udp))
        {
            _counters.Drop(DropReason.UdpMalformed);
            return;
        }

        ReadOnlySpan<byte> datagram = payload[..udp.DatagramLength];
        if (!UdpHeader.IsChecksumCorrect(header.Source, header.Destination, datagram))
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
        else
        {
            _udp.OnDatagram(header.Source, udp, data);
        }
    }

    /// <summary>Receives what this host has just sent to itself, and the answers to that.</summary>
    private void ReceiveLooped(TimeSpan now)
    {
        // Nothing answers an answer, so this ends after the second packet.
        while (_ipv4.TryTakeLooped(out ReadOnlySpan<byte> packet, out IPv4Header header))
        {
            ReceivePayload(header, packet[header.HeaderLength..], Delivery.Own, now);
        }
    }
}
