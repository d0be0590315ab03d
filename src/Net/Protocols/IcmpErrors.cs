using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>
/// Tells senders that nobody here takes what they send (RFC 1122, 3.2.2.1), but not too many of them.
/// </summary>
internal sealed class IcmpErrors
{
    /// <summary>How many errors are sent a second (RFC 1812, 4.3.2.8).</summary>
    public const int PerSecond = 10;

    /// <summary>
    /// How much of a packet is quoted, at most: what makes a packet of 576 bytes (RFC 1812, 4.3.2.3).
    /// </summary>
    private const int LongestQuote =
        NetworkStack.SurePacketLength - IPv4Header.MinimumLength - IcmpMessage.HeaderLength - IPv4Header.MinimumLength;

    private readonly IPv4Interface _ipv4;
    private TimeSpan _since;
    private int _sent;

    public IcmpErrors(IPv4Interface ipv4)
    {
        _ipv4 = ipv4;
    }

    /// <summary>Reports that a packet's destination is unreachable.</summary>
    /// <param name="header">The packet's header; it is quoted without its options.</param>
    /// <param name="payload">The packet's payload.</param>
    /// <param name="delivery">Whom it was for: only what was for us alone is reported.</param>
    /// <param name="code">The ICMP code.</param>
    /// <param name="now">The time.</param>
    public void Send(in IPv4Header header, ReadOnlySpan<byte> payload, Delivery delivery, byte code, TimeSpan now)
    {
        if (delivery != Delivery.Unicast || !_ipv4.CanBeHost(header.Source))
        {
            return;
        }

        if (now - _since >= TimeSpan.FromSeconds(1))
        {
            _since = now;
            _sent = 0;
        }

        if (_sent++ >= PerSecond)
        {
            return;
        }

        ReadOnlySpan<byte> quoted = payload[..Math.Min(payload.Length, LongestQuote)];
        int length = IcmpMessage.HeaderLength + IPv4Header.MinimumLength + quoted.Length;
        Span<byte> message = _ipv4.Payload[..length];
        Span<byte> quote = message[IcmpMessage.HeaderLength..];
        quoted.CopyTo(quote[IPv4Header.MinimumLength..]);
        IPv4Header plain = header with
        {
            HeaderLength = IPv4Header.MinimumLength,
            TotalLength = IPv4Header.MinimumLength + payload.Length,
            Fragment = 0,
        };
        plain.Write(quote);
        new IcmpMessage(IcmpType.DestinationUnreachable, code, 0, 0).Write(message);
        _ipv4.Send(header.Source, IPv4Protocol.Icmp, length, now);
    }
}
