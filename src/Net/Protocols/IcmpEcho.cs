using System;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>ICMP's echo: answers requests, and sends its own (RFC 792; RFC 1122, 3.2.2.6).</summary>
internal sealed class IcmpEcho
{
    /// <summary>How many requests may be in flight.</summary>
    public const int Capacity = 8;

    private readonly IPv4Interface _ipv4;
    private readonly StackCounters _counters;
    private readonly EchoRequest?[] _requests = new EchoRequest?[Capacity];
    private ushort _identifier;

    public IcmpEcho(IPv4Interface ipv4, StackCounters counters, Random random)
    {
        _ipv4 = ipv4;
        _counters = counters;
        _identifier = (ushort)random.Next(ushort.MaxValue + 1);
    }

    /// <summary>Sends an echo request and remembers it until <see cref="Forget"/>.</summary>
    /// <returns>The request, or null where it was not sent; <paramref name="failure"/> says why.</returns>
    public EchoRequest? Start(
        IPv4Address destination, ushort sequence, ReadOnlySpan<byte> payload, TimeSpan now, out PingResult failure)
    {
        failure = PingResults.NotSent(SendStatus.Busy);
        int free = Array.IndexOf(_requests, null);
        if (free < 0)
        {
            return null;
        }

        Span<byte> room = _ipv4.Payload;
        if (payload.Length > room.Length - IcmpMessage.HeaderLength)
        {
            failure = PingResults.NotSent(SendStatus.TooLarge);
            return null;
        }

        // Anyone may reply to a broadcast, so a forged reply could not be recognised.
        if (!IsUnicast(destination))
        {
            failure = PingResults.NotUnicast;
            return null;
        }

        _ipv4.TryRoute(destination, out IPv4Address nextHop);

        var request = new EchoRequest(destination, nextHop, _identifier++, sequence, payload.ToArray(), now);
        Span<byte> message = room[..(IcmpMessage.HeaderLength + payload.Length)];
        payload.CopyTo(message[IcmpMessage.HeaderLength..]);
        new IcmpMessage(IcmpType.EchoRequest, 0, request.Identifier, sequence).Write(message);

        SendStatus status = _ipv4.Send(destination, IPv4Protocol.Icmp, message.Length, now);
        if (status is not (SendStatus.Sent or SendStatus.Queued))
        {
            failure = PingResults.NotSent(status);
            return null;
        }

        _requests[free] = request;
        return request;
    }

    /// <summary>Forgets a request; a reply that arrives later is dropped.</summary>
    public void Forget(EchoRequest request)
    {
        int index = Array.IndexOf(_requests, request);
        if (index >= 0)
        {
            _requests[index] = null;
        }
    }

    /// <summary>Ends the requests whose next hop does not answer ARP.</summary>
    public void OnUnanswered(IPv4Address nextHop)
    {
        foreach (EchoRequest? request in _requests)
        {
            if (request is not null && request.NextHop == nextHop)
            {
                request.Finish(PingResults.NoNeighbour);
            }
        }
    }

    private bool IsUnicast(IPv4Address address)
    {
        IPv4Configuration? configuration = _ipv4.Configuration;
        return configuration is null
            ? address.IsUnicast
            : address == configuration.Address || configuration.IsOtherHost(address);
    }

    /// <summary>Answers a request.</summary>
    public void OnEchoRequest(in IPv4Header header, ReadOnlySpan<byte> message, TimeSpan now)
    {
        Span<byte> reply = _ipv4.Payload[..message.Length];
        message.CopyTo(reply);
        IcmpMessage.TurnIntoReply(reply);
        _ipv4.Send(header.Source, IPv4Protocol.Icmp, reply.Length, now);
    }

    public void OnEchoReply(in IPv4Header header, in IcmpMessage icmp, ReadOnlySpan<byte> payload, TimeSpan now)
    {
        EchoRequest? request = Find(header.Source, icmp);
        if (request is null || !payload.SequenceEqual(request.Payload))
        {
            _counters.Drop(DropReason.IcmpUnmatched);
            return;
        }

        TimeSpan roundTrip = now - request.Sent;
        request.Finish(PingResult.Replied(
            header.Source.Value, (ulong)(roundTrip.Ticks * TimeSpan.NanosecondsPerTick)));
    }

    /// <summary>An error quotes a packet of ours that may be a request.</summary>
    /// <returns>Whether it is one that waits for an answer.</returns>
    public bool OnUnreachable(IPv4Address from, byte code, in IPv4Header inner, ReadOnlySpan<byte> quoted)
    {
        EchoRequest? request = null;
        if (IcmpMessage.TryParse(quoted, out IcmpMessage echo) && echo.Type == IcmpType.EchoRequest)
        {
            request = Find(inner.Destination, echo);
        }

        request?.Finish(PingResults.Unreachable(from, code));
        return request is not null;
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

/// <summary>An echo request in flight.</summary>
internal sealed class EchoRequest
{
    public EchoRequest(
        IPv4Address destination, IPv4Address nextHop, ushort identifier, ushort sequence, byte[] payload, TimeSpan sent)
    {
        Destination = destination;
        NextHop = nextHop;
        Identifier = identifier;
        Sequence = sequence;
        Payload = payload;
        Sent = sent;
    }

    public IPv4Address Destination { get; }

    public IPv4Address NextHop { get; }

    /// <summary>Differs from request to request, whatever sequence numbers the callers choose.</summary>
    public ushort Identifier { get; }

    public ushort Sequence { get; }

    /// <summary>What it carries, and the reply must carry, too.</summary>
    public byte[] Payload { get; }

    public TimeSpan Sent { get; }

    /// <summary>Released when <see cref="Result"/> is set.</summary>
    public SemaphoreSlim Signal { get; } = new(0);

    /// <summary>How it ended; null while it has not.</summary>
    public PingResult? Result { get; private set; }

    public void Finish(PingResult result)
    {
        if (Result is null)
        {
            Result = result;
            Signal.Release();
        }
    }
}
