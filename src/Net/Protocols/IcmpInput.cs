using System;
using VirtioGuest.Net.Tcp;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>
/// ICMP's way in: leads echo messages and errors to those whom they concern (RFC 792; RFC 1122, 3.2.2).
/// </summary>
internal sealed class IcmpInput
{
    private readonly IPv4Interface _ipv4;
    private readonly StackCounters _counters;
    private readonly IcmpEcho _echo;
    private readonly TcpTable _tcp;
    private readonly UdpPorts _udp;

    public IcmpInput(IPv4Interface ipv4, StackCounters counters, IcmpEcho echo, TcpTable tcp, UdpPorts udp)
    {
        _ipv4 = ipv4;
        _counters = counters;
        _echo = echo;
        _tcp = tcp;
        _udp = udp;
    }

    public void OnMessage(in IPv4Header header, ReadOnlySpan<byte> message, Delivery delivery, TimeSpan now)
    {
        if (!IcmpMessage.TryParse(message, out IcmpMessage icmp))
        {
            _counters.Drop(DropReason.IcmpMalformed);
        }
        else if (!InternetChecksum.IsCorrect(message))
        {
            _counters.Drop(DropReason.IcmpChecksum);
        }
        else if (delivery != Delivery.Unicast)
        {
            // Answers to broadcasts could be used to flood whoever is named as their source.
            _counters.Drop(DropReason.IcmpIgnored);
        }
        else if (icmp.Type == IcmpType.EchoRequest && icmp.Code == 0)
        {
            _echo.OnEchoRequest(header, message, now);
        }
        else if (icmp.Type == IcmpType.EchoReply && icmp.Code == 0)
        {
            _echo.OnEchoReply(header, icmp, message[IcmpMessage.HeaderLength..], now);
        }
        else if (icmp.Type == IcmpType.DestinationUnreachable)
        {
            OnUnreachable(header, icmp, message[IcmpMessage.HeaderLength..], now);
        }
        else
        {
            _counters.Drop(DropReason.IcmpIgnored);
        }
    }

    private void OnUnreachable(in IPv4Header header, in IcmpMessage icmp, ReadOnlySpan<byte> quoted, TimeSpan now)
    {
        // The error quotes the header of the packet that it is about, and at least the next eight bytes.
        bool isOurs = IPv4Header.TryParseQuoted(quoted, out IPv4Header inner) && _ipv4.IsOwn(inner.Source);
        bool isKnown = isOurs && inner.Protocol switch
        {
            IPv4Protocol.Icmp => _echo.OnUnreachable(header.Source, icmp.Code, inner, quoted[inner.HeaderLength..]),
            IPv4Protocol.Tcp => OnTcpUnreachable(icmp, inner, quoted[inner.HeaderLength..], now),
            IPv4Protocol.Udp => UdpHeader.TryParseQuoted(quoted[inner.HeaderLength..], out ushort own, out ushort peer)
                && _udp.OnUnreachable(own, new UdpUnreachable(inner.Destination, peer, header.Source, icmp.Code)),
            _ => false,
        };
        if (!isKnown)
        {
            _counters.Drop(DropReason.IcmpUnmatched);
        }
    }

    private bool OnTcpUnreachable(in IcmpMessage icmp, in IPv4Header inner, ReadOnlySpan<byte> quoted, TimeSpan now)
    {
        if (!TcpHeader.TryParseQuoted(quoted, out ushort own, out ushort peer, out uint sequence))
        {
            return false;
        }

        var key = new TcpKey(new IpEndpoint(inner.Source, own), new IpEndpoint(inner.Destination, peer));
        switch (icmp.Code)
        {
            case IcmpMessage.FragmentationNeeded:
                // The next hop's MTU stands where echo messages have their number (RFC 1191, 4).
                return _tcp.OnTooLarge(key, sequence, Math.Max(0, icmp.Sequence - IPv4Header.MinimumLength), now);

            case IcmpMessage.ProtocolUnreachable or IcmpMessage.PortUnreachable:
                return _tcp.OnUnreachable(key, sequence, TcpStatus.Refused, now);

            default:
                return _tcp.OnUnreachable(key, sequence, TcpStatus.Unreachable, now);
        }
    }
}
