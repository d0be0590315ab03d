using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>ICMP: answers echo requests, and sends some (RFC 792; RFC 1122, 3.2.2).</summary>
internal sealed class IcmpEcho
{
    /// <summary>How many requests may be waited for at a time.</summary>
    public const int Capacity = 8;

    private readonly IPv4Interface _ipv4;
    private readonly StackCounters _counters;
    private readonly EchoRequest?[] _requests = new EchoRequest?[Capacity];
    private ushort _identifier;

    /// <summary>Creates a service that waits for nothing.</summary>
    public IcmpEcho(IPv4Interface ipv4, StackCounters counters, Random random)
    {
        _ipv4 = ipv4;
        _counters = counters;
        _identifier = (ushort)random.Next(ushort.MaxValue + 1);
    }

    /// <summary>Sends an echo request and remembers it until <see cref="Forget"/>.</summary>
    /// <returns>The request, or null where it could not be sent for the reason given.</returns>
    public EchoRequest? Start(
        IPv4Address destination, ushort sequence, ReadOnlySpan<byte> payload, TimeSpan now, out PingStatus failure)
    {
        failure = PingStatus.Busy;
        int free = Array.IndexOf(_requests, null);
        if (free < 0)
        {
            return null;
        }

        Span<byte> room = _ipv4.Payload;
        if (payload.Length > room.Length - IcmpMessage.HeaderLength)
        {
            failure = PingStatus.TooLarge;
            return null;
        }

        // Replies to broadcasts come from anyone, so none could be told from a forged one.
        if (!IsSingleHost(destination))
        {
            failure = PingStatus.NoSingleHost;
            return null;
        }

        _ipv4.TryRoute(destination, out IPv4Address nextHop);

        EchoRequest request = new(destination, nextHop, _identifier++, sequence, payload.ToArray(), now);
        Span<byte> message = room[..(IcmpMessage.HeaderLength + payload.Length)];
        payload.CopyTo(message[IcmpMessage.HeaderLength..]);
        new IcmpMessage(IcmpType.EchoRequest, 0, request.Identifier, sequence).Write(message);

        SendStatus status = _ipv4.Send(destination, IPv4Protocol.Icmp, message.Length, now);
        if (status is not (SendStatus.Sent or SendStatus.Queued))
        {
            failure = FailureOf(status);
            return null;
        }

        _requests[free] = request;
        return request;
    }

    /// <summary>Forgets a request; what arrives for it later is dropped.</summary>
    public void Forget(EchoRequest request)
    {
        int index = Array.IndexOf(_requests, request);
        if (index >= 0)
        {
            _requests[index] = null;
        }
    }

    /// <summary>Ends the requests that a silent neighbour was to pass on.</summary>
    public void OnUnanswered(IPv4Address nextHop)
    {
        foreach (EchoRequest? request in _requests)
        {
            if (request is not null && request.NextHop == nextHop)
            {
                request.Finish(new PingResult(PingStatus.NoNeighbour));
            }
        }
    }

    /// <summary>Takes a received ICMP message.</summary>
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
        else if (delivery == Delivery.Everyone)
        {
            // Answering a question put to everyone helps to flood whoever is named as its source.
            _counters.Drop(DropReason.IcmpIgnored);
        }
        else if (icmp.Type == IcmpType.EchoRequest && icmp.Code == 0)
        {
            OnEchoRequest(header, message, now);
        }
        else if (icmp.Type == IcmpType.EchoReply && icmp.Code == 0)
        {
            OnEchoReply(header, icmp, message[IcmpMessage.HeaderLength..], now);
        }
        else if (icmp.Type == IcmpType.DestinationUnreachable)
        {
            OnUnreachable(header, icmp, message[IcmpMessage.HeaderLength..]);
        }
        else
        {
            _counters.Drop(DropReason.IcmpIgnored);
        }
    }

    private bool IsSingleHost(IPv4Address address)
    {
        IPv4Configuration? configuration = _ipv4.Configuration;
        return configuration is null
            ? address.IsUnicast
            : address == configuration.Address || configuration.IsOtherHost(address);
    }

    private static PingStatus FailureOf(SendStatus status) => status switch
    {
        SendStatus.NoAddress => PingStatus.NoAddress,
        SendStatus.NoRoute => PingStatus.NoRoute,
        SendStatus.TooLarge => PingStatus.TooLarge,
        SendStatus.LinkDown => PingStatus.LinkDown,
        _ => PingStatus.Busy,
    };

    private void OnEchoRequest(in IPv4Header header, ReadOnlySpan<byte> message, TimeSpan now)
    {
        Span<byte> reply = _ipv4.Payload[..message.Length];
        message.CopyTo(reply);
        IcmpMessage.TurnIntoReply(reply);
        _ipv4.Send(header.Source, IPv4Protocol.Icmp, reply.Length, now);
    }

    private void OnEchoReply(in IPv4Header header, in IcmpMessage icmp, ReadOnlySpan<byte> payload, TimeSpan now)
    {
        EchoRequest? request = Find(header.Source, icmp);
        if (request is null || !payload.SequenceEqual(request.Payload))
        {
            _counters.Drop(DropReason.IcmpUnmatched);
            return;
        }

        request.Finish(new PingResult(PingStatus.Replied)
        {
            RoundTrip = now - request.Sent,
            From = header.Source,
            TimeToLive = header.TimeToLive,
        });
    }

    private void OnUnreachable(in IPv4Header header, in IcmpMessage icmp, ReadOnlySpan<byte> quoted)
    {
        // The error quotes the header of the packet that it is about, and at least eight bytes more.
        EchoRequest? request = null;
        if (IPv4Header.TryParseQuoted(quoted, out IPv4Header inner)
            && inner.Protocol == IPv4Protocol.Icmp
            && inner.Source == _ipv4.Configuration?.Address
            && IcmpMessage.TryParse(quoted[inner.HeaderLength..], out IcmpMessage echo)
            && echo.Type == IcmpType.EchoRequest)
        {
            request = Find(inner.Destination, echo);
        }

        if (request is null)
        {
            _counters.Drop(DropReason.IcmpUnmatched);
            return;
        }

        request.Finish(new PingResult(PingStatus.Unreachable) { From = header.Source, Code = icmp.Code });
    }

    private EchoRequest? Find(IPv4Address destination, in IcmpMessage echo)
    {
        foreach (EchoRequest? request in _requests)
        {
            if (request is { Result: null }
                && request.Destination == destination
                && request.Identifier == echo.Identifier
                && request.Sequence == echo.Sequence)
            {
                return request;
            }
        }

        return null;
    }
}
