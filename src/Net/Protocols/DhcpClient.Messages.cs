using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

internal sealed partial class DhcpClient
{
    /// <summary>Takes what a server sent.</summary>
    /// <param name="source">Where it came from.</param>
    /// <param name="data">The data of a UDP datagram to port 68; some servers and relays send from any port.</param>
    /// <param name="now">The time.</param>
    public void OnMessage(IPv4Address source, ReadOnlySpan<byte> data, TimeSpan now)
    {
        if (!DhcpMessage.TryParse(data, out DhcpMessage message))
        {
            _counters.Drop(DropReason.DhcpMalformed);
            return;
        }

        bool isForUs = message.IsReply
            && message.TransactionId == _transactionId
            && message.ClientHardware == _hardware;
        if (!isForUs || !TryAct(new DhcpAnswer(message, source), now))
        {
            _counters.Drop(DropReason.DhcpIgnored);
            return;
        }

        // Whoever waits looks again: the next repetition may now be due earlier than when it went to sleep.
        Wake();
    }

    private bool TryAct(in DhcpAnswer answer, TimeSpan now) => answer.Message.Type switch
    {
        DhcpMessageType.Offer => TryTakeOffer(answer, now),
        DhcpMessageType.None => TryTakeBootpReply(answer),
        DhcpMessageType.Acknowledge => TryTakeLease(answer),
        DhcpMessageType.Refuse => TryTakeRefusal(answer, now),
        _ => false,
    };

    private bool TryTakeOffer(in DhcpAnswer offer, TimeSpan now)
    {
        if (_state is not (DhcpState.Selecting or DhcpState.Requesting) || !CanUse(offer))
        {
            return false;
        }

        if (_state == DhcpState.Selecting && offer.Server != _avoided)
        {
            Choose(offer, now);
            return true;
        }

        // A second server, or one that has failed us: for when the first one fails, or nobody else answers soon.
        bool isAnother = _state == DhcpState.Selecting || !offer.IsFromSameServer(_offer);
        if (_reserve is not null || !isAnother)
        {
            return false;
        }

        _reserve = offer;
        if (_state == DhcpState.Selecting && now + s_secondChoicePause < _retry)
        {
            _retry = now + s_secondChoicePause;
        }

        return true;
    }

    private bool CanUse(in DhcpAnswer offer)
    {
        if (offer.ToConfiguration() is not null)
        {
            return true;
        }

        if (Progress == DhcpStatus.NoOffer)
        {
            Progress = DhcpStatus.UnusableOffer;
        }

        return false;
    }

    private void Choose(in DhcpAnswer offer, TimeSpan now)
    {
        _offer = offer;
        _reserve = null;
        _state = DhcpState.Requesting;
        _attempts = 0;
        if (Progress is DhcpStatus.NoOffer or DhcpStatus.UnusableOffer)
        {
            Progress = DhcpStatus.NoAcknowledgement;
        }

        Ask(now, now + NextBackOff());
    }

    /// <summary>Takes an address from a server of BOOTP, which offers nothing but grants at once (RFC 1534).</summary>
    private bool TryTakeBootpReply(in DhcpAnswer answer)
    {
        return _state == DhcpState.Selecting && CanUse(answer) && TryBind(answer);
    }

    private bool TryTakeLease(in DhcpAnswer grant)
    {
        if (!IsExpected(grant))
        {
            return false;
        }

        // Some servers name the address only once: where we have it already, they put it into no field but ciaddr.
        DhcpMessage message = grant.Message;
        IPv4Address address = message.YourAddress.IsAny && _state != DhcpState.Requesting
            ? message.ClientAddress
            : message.YourAddress;
        DhcpAnswer addressed = grant with { Message = message with { YourAddress = address } };
        return TryBind(addressed.CompletedBy(_state == DhcpState.Requesting ? _offer : _granted));
    }

    /// <summary>Whether an answer to a request is from a server that was asked.</summary>
    private bool IsExpected(in DhcpAnswer answer) => _state switch
    {
        DhcpState.Requesting => answer.IsFromSameServer(_offer),
        DhcpState.Renewing => answer.IsFromSameServer(_granted),
        DhcpState.Rebinding => true,
        _ => false,
    };

    /// <summary>Uses what was granted. The address is what the server says last, whatever it offered.</summary>
    private bool TryBind(in DhcpAnswer grant)
    {
        IPv4Configuration? configuration = grant.ToConfiguration();
        if (configuration is null)
        {
            return false;
        }

        // Time counts from the request, not from the answer (RFC 2131, 4.4.1).
        _times = DhcpTimes.From(grant.Message, grant.LeaseSeconds, _asked);
        Lease = new DhcpLease(configuration, grant.Server, grant.LeaseSeconds);
        _granted = grant;
        _reserve = null;
        _avoided = default;
        _state = DhcpState.Bound;
        Progress = DhcpStatus.Bound;
        if (_ipv4.Configuration is null || !_ipv4.Configuration.IsSameAs(configuration))
        {
            _ipv4.Configure(configuration);
        }

        return true;
    }

    private bool TryTakeRefusal(in DhcpAnswer refusal, TimeSpan now)
    {
        if (!IsExpected(refusal))
        {
            return false;
        }

        // Refusing to prolong a lease ends it at once (RFC 2131, 3.2); refusing an offer leaves an older lease alone.
        if (_state == DhcpState.Requesting)
        {
            _avoided = _offer.Server;
        }
        else
        {
            Lease = null;
            _times = DhcpTimes.Never;
            _ipv4.Configure(null);
        }

        Progress = DhcpStatus.Refused;
        if (_reserve is not null)
        {
            Choose(_reserve.Value, now);
            return true;
        }

        Discover(now);
        _retry = now + s_refusalPause;
        return true;
    }

    /// <summary>Sends the message that the state calls for (RFC 2131, table 5).</summary>
    private void Ask(TimeSpan now, TimeSpan retry)
    {
        _asked = now;
        _retry = retry;
        _attempts++;

        bool isProlonging = _state is DhcpState.Renewing or DhcpState.Rebinding;
        bool isRequesting = _state == DhcpState.Requesting;

        // Answers may come to the address that is not ours yet. A server that cannot send so is asked to broadcast, in
        // every other message until one is answered (RFC 2131, 4.1).
        _wantsBroadcast ^= _attempts > 1;
        DhcpMessage message = new()
        {
            TransactionId = _transactionId,
            Seconds = (ushort)Math.Min((now - _started).TotalSeconds, ushort.MaxValue),
            WantsBroadcast = !isProlonging && _wantsBroadcast,
            ClientHardware = _hardware,
            ClientAddress = isProlonging ? Lease!.Configuration.Address : default,
            Type = _state == DhcpState.Selecting ? DhcpMessageType.Discover : DhcpMessageType.Request,
            RequestedAddress = isRequesting ? _offer.Message.YourAddress : default,
            ServerIdentifier = isRequesting ? _offer.Server : default,
        };

        IPv4Address source = message.ClientAddress;
        IPv4Address destination = _state == DhcpState.Renewing ? Lease!.Server : IPv4Address.Broadcast;
        Span<byte> datagram = _ipv4.Payload;
        message.Write(datagram[UdpHeader.Length..]);
        UdpHeader header = new(
            DhcpMessage.ClientPort, DhcpMessage.ServerPort, UdpHeader.Length + DhcpMessage.WrittenLength);
        header.Write(source, destination, datagram);

        // What is lost here is sent again like what is lost on the way.
        _ = isProlonging
            ? _ipv4.Send(destination, IPv4Protocol.Udp, header.DatagramLength, now)
            : _ipv4.SendUnconfigured(IPv4Protocol.Udp, header.DatagramLength);
    }
}
