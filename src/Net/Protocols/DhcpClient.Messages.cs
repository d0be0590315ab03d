using System;
using System.Numerics;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

internal sealed partial class DhcpClient
{
    /// <summary>Takes what a server sent.</summary>
    /// <param name="data">The data of a UDP datagram from port 67 to port 68.</param>
    /// <param name="now">The time.</param>
    public void OnMessage(ReadOnlySpan<byte> data, TimeSpan now)
    {
        if (!DhcpMessage.TryParse(data, out DhcpMessage message))
        {
            _counters.Drop(DropReason.DhcpMalformed);
            return;
        }

        bool isForUs = message.IsReply
            && message.TransactionId == _transactionId
            && message.ClientHardware == _hardware;
        if (!isForUs || !TryAct(message, now))
        {
            _counters.Drop(DropReason.DhcpIgnored);
            return;
        }

        // Whoever waits looks again: the next repetition may now be due earlier than when it went to sleep.
        Wake();
    }

    private bool TryAct(in DhcpMessage message, TimeSpan now) => message.Type switch
    {
        DhcpMessageType.Offer => _state == DhcpState.Selecting && TryTakeOffer(message, now),
        DhcpMessageType.Acknowledge => TryTakeLease(message),
        DhcpMessageType.Refuse => TryTakeRefusal(message, now),
        _ => false,
    };

    private bool TryTakeOffer(in DhcpMessage message, TimeSpan now)
    {
        if (!message.ServerIdentifier.IsUnicast || MakeConfiguration(message) is null)
        {
            return false;
        }

        _offer = message;
        _state = DhcpState.Requesting;
        _attempts = 0;
        if (Progress == DhcpStatus.NoOffer)
        {
            Progress = DhcpStatus.NoAcknowledgement;
        }

        Ask(now, now + NextBackOff());
        return true;
    }

    private bool TryTakeLease(in DhcpMessage message)
    {
        bool isExpected = _state switch
        {
            DhcpState.Requesting =>
                message.ServerIdentifier == _offer.ServerIdentifier && message.YourAddress == _offer.YourAddress,
            DhcpState.Renewing =>
                message.ServerIdentifier == Lease!.Server && message.YourAddress == Lease.Configuration.Address,
            DhcpState.Rebinding =>
                message.ServerIdentifier.IsUnicast && message.YourAddress == Lease!.Configuration.Address,
            _ => false,
        };

        // A lease of no time at all would be over before it is used.
        uint seconds = message.LeaseSeconds ?? 0;
        IPv4Configuration? configuration = isExpected ? MakeConfiguration(message) : null;
        if (configuration is null || seconds == 0)
        {
            return false;
        }

        // Time counts from the request, not from the answer (RFC 2131, 4.4.1).
        _times = DhcpTimes.From(message, seconds, _asked);
        Lease = new DhcpLease(configuration, message.ServerIdentifier, seconds);
        _state = DhcpState.Bound;
        Progress = DhcpStatus.Bound;
        if (!IsInUse(configuration))
        {
            _ipv4.Configure(configuration);
        }

        return true;
    }

    private bool TryTakeRefusal(in DhcpMessage message, TimeSpan now)
    {
        bool isExpected = _state switch
        {
            DhcpState.Requesting => message.ServerIdentifier == _offer.ServerIdentifier,
            DhcpState.Renewing => message.ServerIdentifier == Lease!.Server,
            DhcpState.Rebinding => message.ServerIdentifier.IsUnicast,
            _ => false,
        };
        if (!isExpected)
        {
            return false;
        }

        // Refusing to prolong a lease ends it at once (RFC 2131, 3.2); refusing an offer leaves an older lease alone.
        if (_state is DhcpState.Renewing or DhcpState.Rebinding)
        {
            Lease = null;
            _times = DhcpTimes.Never;
            _ipv4.Configure(null);
        }

        Progress = DhcpStatus.Refused;
        Discover(now);
        _retry = now + s_refusalPause;
        return true;
    }

    private bool IsInUse(IPv4Configuration configuration)
    {
        IPv4Configuration? current = _ipv4.Configuration;
        return current is not null
            && current.Address == configuration.Address
            && current.PrefixLength == configuration.PrefixLength
            && current.Gateway == configuration.Gateway
            && current.NameServer == configuration.NameServer;
    }

    /// <summary>What a message grants; null where it makes no sense.</summary>
    private static IPv4Configuration? MakeConfiguration(in DhcpMessage message)
    {
        uint mask = message.SubnetMask.Value;
        int prefixLength = mask == 0 ? ClassPrefixLength(message.YourAddress) : BitOperations.LeadingZeroCount(~mask);
        bool isContiguous = mask == 0 || mask == uint.MaxValue << (32 - prefixLength);
        if (!isContiguous
            || !IPv4Configuration.TryCreate(
                message.YourAddress, prefixLength, default, default, out IPv4Configuration? bare))
        {
            return null;
        }

        // An address is worth having although the way out or the name server makes no sense.
        IPv4Address gateway = bare.IsOtherHost(message.Router) ? message.Router : default;
        IPv4Address nameServer = message.NameServer.IsUnicast ? message.NameServer : default;
        return IPv4Configuration.TryCreate(
            bare.Address, prefixLength, gateway, nameServer, out IPv4Configuration? full) ? full : bare;
    }

    /// <summary>The prefix that an address has where no mask is given (RFC 791, 2.3).</summary>
    private static int ClassPrefixLength(IPv4Address address)
    {
        return address.Value >> 31 == 0 ? 8 : address.Value >> 30 == 0b10 ? 16 : 24;
    }

    /// <summary>Sends the message that the state calls for (RFC 2131, table 5).</summary>
    private void Ask(TimeSpan now, TimeSpan retry)
    {
        _asked = now;
        _retry = retry;
        _attempts++;

        bool isProlonging = _state is DhcpState.Renewing or DhcpState.Rebinding;
        bool isRequesting = _state == DhcpState.Requesting;
        DhcpMessage message = new()
        {
            TransactionId = _transactionId,
            Seconds = (ushort)Math.Min((now - _started).TotalSeconds, ushort.MaxValue),
            ClientHardware = _hardware,
            ClientAddress = isProlonging ? Lease!.Configuration.Address : default,
            Type = _state == DhcpState.Selecting ? DhcpMessageType.Discover : DhcpMessageType.Request,
            RequestedAddress = isRequesting ? _offer.YourAddress : default,
            ServerIdentifier = isRequesting ? _offer.ServerIdentifier : default,
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
