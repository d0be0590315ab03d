using System;
using System.Collections.Generic;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net;

/// <summary>Finds the IPv4 addresses of names, by asking the configured name server (RFC 1035, 7).</summary>
/// <remarks>
/// Port and identifier of each question are random, and an answer counts only from where the question went (RFC 5452).
/// Nothing is kept: the name server has a cache.
/// </remarks>
public sealed class DnsResolver
{
    /// <summary>How many addresses of a name are told at most.</summary>
    public const int AddressLimit = 16;

    /// <summary>How many times a question is sent.</summary>
    private const int Attempts = 4;

    /// <summary>How long to wait for the first answer; twice as long for each that follows.</summary>
    private static readonly TimeSpan s_firstTimeout = TimeSpan.FromSeconds(1);

    private readonly NetworkStack _stack;

    /// <summary>Creates a resolver that asks through a stack.</summary>
    public DnsResolver(NetworkStack stack)
    {
        ArgumentNullException.ThrowIfNull(stack);
        _stack = stack;
    }

    /// <summary>Asks for the addresses of a name, and waits for the answer: 15 seconds at most.</summary>
    /// <param name="name">The name, or an address as people write it.</param>
    public DnsResult Resolve(string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        if (IPv4Address.TryParse(name, out IPv4Address address))
        {
            return new DnsResult(DnsStatus.Found, [address]);
        }

        Span<byte> labels = stackalloc byte[DnsMessage.MaximumNameLength];
        labels = labels[..DnsMessage.WriteName(name, labels)];
        if (labels.Length == 0)
        {
            return new DnsResult(DnsStatus.NotAName);
        }

        IPv4Address server = _stack.Configuration?.NameServer ?? IPv4Address.Any;
        if (server.IsAny)
        {
            return new DnsResult(DnsStatus.NoServer);
        }

        DnsResult result = new(DnsStatus.NoAnswer);
        for (int i = 0; i < Attempts && result.Status == DnsStatus.NoAnswer; i++)
        {
            // A new port and identifier each time.
            using UdpSocket? socket = _stack.OpenUdp(0);
            if (socket is null)
            {
                return new DnsResult(DnsStatus.NotSent);
            }

            result = Ask(socket, server, labels, s_firstTimeout * (1 << i));
        }

        return result;
    }

    private DnsResult Ask(UdpSocket socket, IPv4Address server, ReadOnlySpan<byte> name, TimeSpan timeout)
    {
        Span<byte> message = stackalloc byte[DnsMessage.MaximumLength];
        ushort identifier = _stack.DrawIdentifier();
        int length = DnsMessage.WriteQuestion(identifier, name, message);
        SendStatus sent = socket.Send(server, DnsMessage.ServerPort, message[..length]);
        if (sent is not (SendStatus.Sent or SendStatus.Queued or SendStatus.Busy))
        {
            return new DnsResult(DnsStatus.NotSent);
        }

        TimeSpan deadline = _stack.Now + timeout;
        Span<IPv4Address> addresses = stackalloc IPv4Address[AddressLimit];
        while (socket.TryReceive(message, deadline - _stack.Now, out UdpDatagram datagram))
        {
            if (datagram.Source != server
                || datagram.SourcePort != DnsMessage.ServerPort
                || datagram.Length > message.Length)
            {
                continue;
            }

            DnsCode? code = DnsMessage.ReadAnswer(
                message[..datagram.Length], identifier, name, addresses, out int count);
            switch (code)
            {
                case null:
                    continue;

                case DnsCode.None:
                    return count > 0
                        ? new DnsResult(DnsStatus.Found, addresses[..count].ToArray())
                        : new DnsResult(DnsStatus.NoAddress);

                case DnsCode.NameError:
                    return new DnsResult(DnsStatus.NoSuchName);

                default:
                    return new DnsResult(DnsStatus.ServerFailure);
            }
        }

        return new DnsResult(DnsStatus.NoAnswer);
    }
}

/// <summary>How a question to a name server ended.</summary>
public readonly struct DnsResult
{
    private readonly IPv4Address[]? _addresses;

    /// <summary>Says how a question ended.</summary>
    /// <param name="status">How.</param>
    /// <param name="addresses">What was found.</param>
    public DnsResult(DnsStatus status, IPv4Address[]? addresses = null)
    {
        Status = status;
        _addresses = addresses;
    }

    /// <summary>How it ended.</summary>
    public DnsStatus Status { get; }

    /// <summary>The addresses in the server's order, for <see cref="DnsStatus.Found"/>.</summary>
    public IReadOnlyList<IPv4Address> Addresses => _addresses ?? [];

    /// <summary>The result in words.</summary>
    public override string ToString() => Status switch
    {
        DnsStatus.Found => string.Join(", ", Addresses),
        DnsStatus.NoSuchName => "there is no such name",
        DnsStatus.NoAddress => "the name has no IPv4 address",
        DnsStatus.NotAName => "that is not a name",
        DnsStatus.NoServer => "no name server is known",
        DnsStatus.NotSent => "the question could not be sent",
        DnsStatus.NoAnswer => "the name server does not answer",
        DnsStatus.ServerFailure => "the name server could not find out",
        _ => "unknown result",
    };
}

/// <summary>How a question to a name server ended.</summary>
public enum DnsStatus
{
    /// <summary>The name has addresses.</summary>
    Found,

    /// <summary>There is no such name.</summary>
    NoSuchName,

    /// <summary>The name exists and has no IPv4 address.</summary>
    NoAddress,

    /// <summary>The text cannot be a name.</summary>
    NotAName,

    /// <summary>No name server is configured.</summary>
    NoServer,

    /// <summary>The question could not be sent.</summary>
    NotSent,

    /// <summary>No answer came in time.</summary>
    NoAnswer,

    /// <summary>The server has refused or failed.</summary>
    ServerFailure,
}
