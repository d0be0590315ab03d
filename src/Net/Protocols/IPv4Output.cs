using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>
/// Sends IPv4 packets to a station on the link, in fragments where they are larger than the network carries (RFC 791,
/// 3.2).
/// </summary>
internal sealed class IPv4Output
{
    private readonly EthernetPort _port;
    private readonly StackCounters _counters;
    private readonly byte[] _fragment;
    private int _mtu;

    public IPv4Output(EthernetPort port, StackCounters counters)
    {
        _port = port;
        _counters = counters;
        _fragment = port.NewFrame();
        _mtu = port.Mtu;
    }

    /// <summary>A buffer for the largest packet with an Ethernet header in front.</summary>
    public static byte[] NewFrame() => new byte[EthernetHeader.Length + IPv4Header.MaximumPacketLength];

    /// <summary>The size of the largest packet that is sent in one piece, in bytes.</summary>
    public int Mtu => _mtu;

    /// <summary>Limits the size of packets; 0 for as large as the link's device can send.</summary>
    public void SetMtu(int mtu) => _mtu = mtu == 0 ? _port.Mtu : Math.Min(mtu, _port.Mtu);

    /// <summary>Whether a packet of this size in bytes is sent in one piece.</summary>
    public bool Fits(int length) => length <= _mtu;

    /// <param name="frame">At least a frame of the smallest size, with the packet behind its header.</param>
    /// <param name="length">The packet's size in bytes; its header has no options.</param>
    /// <param name="destination">The next hop.</param>
    /// <param name="offload">What the device has to do with it.</param>
    /// <returns>
    /// What became of it. After a fragment that cannot be sent no more are: the others would be useless.
    /// </returns>
    public SendStatus Send(Span<byte> frame, int length, MacAddress destination, FrameOffload offload = default)
    {
        if (Fits(length) || offload.SegmentSize > 0)
        {
            return _port.Send(frame, length, destination, EtherType.IPv4, offload);
        }

        ReadOnlySpan<byte> packet = frame.Slice(EthernetHeader.Length, length);
        _ = IPv4Header.TryParseQuoted(packet, out IPv4Header header);
        ReadOnlySpan<byte> rest = packet[header.HeaderLength..];
        int most = (_mtu - IPv4Header.MinimumLength) & ~(IPv4Header.FragmentUnit - 1);
        int offset = 0;
        SendStatus status = SendStatus.Sent;
        while (rest.Length > 0 && status == SendStatus.Sent)
        {
            ReadOnlySpan<byte> part = rest[..Math.Min(most, rest.Length)];
            rest = rest[part.Length..];
            status = SendFragment(header, part, offset, isLast: rest.Length == 0, destination);
            offset += part.Length;
        }

        _counters.Fragmented();
        return status;
    }

    private SendStatus SendFragment(
        in IPv4Header header, ReadOnlySpan<byte> part, int offset, bool isLast, MacAddress destination)
    {
        int length = IPv4Header.MinimumLength + part.Length;
        part.CopyTo(_fragment.AsSpan(EthernetHeader.Length + IPv4Header.MinimumLength));
        IPv4Header own = header with
        {
            TotalLength = length,
            Fragment = IPv4Header.FragmentField(offset, isLast),
        };
        own.Write(_fragment.AsSpan(EthernetHeader.Length));
        return _port.Send(_fragment, length, destination, EtherType.IPv4);
    }
}
