using System;
using VirtioGuest.Net.Tcp;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>TCP's way to the network: IPv4.</summary>
internal sealed class TcpOverIPv4 : TcpNetwork
{
    private const int LargestSegment = IPv4Header.MaximumPacketLength - IPv4Header.MinimumLength;

    private readonly IPv4Interface _ipv4;
    private readonly LinkOffloads _offloads;

    public TcpOverIPv4(IPv4Interface ipv4, LinkOffloads offloads)
    {
        _ipv4 = ipv4;
        _offloads = offloads;
    }

    public override Span<byte> Segment => _ipv4.Payload;

    public override int LargestChunk =>
        (_offloads & LinkOffloads.TcpSegmentation) != 0 ? LargestSegment - TcpHeader.MaximumLength : 0;

    public override int PathSize(in IpEndpoint remote) => _ipv4.Mtu - IPv4Header.MinimumLength;

    public override bool TryGetLocal(in IpEndpoint remote, out IpEndpoint local)
    {
        local = new IpEndpoint(_ipv4.SourceFor(remote.IPv4), 0);
        return !local.IsAnyAddress && _ipv4.CanBeHost(remote.IPv4) && _ipv4.TryRoute(remote.IPv4, out _);
    }

    public override bool IsLocal(in IpEndpoint local) => local.IsAnyAddress || _ipv4.IsOwn(local.IPv4);

    public override SendStatus Send(
        in IpEndpoint local, in IpEndpoint remote, int length, int headerLength, int segmentSize, TimeSpan now)
    {
        Span<byte> segment = Segment[..length];
        ulong sum = PseudoHeaderSum(local.IPv4, remote.IPv4, length);
        bool isOffloaded = (_offloads & LinkOffloads.Checksum) != 0 && !_ipv4.IsOwn(remote.IPv4);
        TcpHeader.WriteChecksum(segment, sum, isOffloaded);
        FrameOffload offload = default;
        if (isOffloaded)
        {
            int start = EthernetHeader.Length + IPv4Header.MinimumLength;
            int most = Math.Min(segmentSize, PathSize(remote) - headerLength);
            offload = new FrameOffload(
                start, TcpHeader.ChecksumOffset, start + headerLength, length - headerLength > most ? most : 0);
        }

        return _ipv4.Send(remote.IPv4, IPv4Protocol.Tcp, length, now, mayFragment: false, offload);
    }

    public static ulong PseudoHeaderSum(IPv4Address source, IPv4Address destination, int length) =>
        (ulong)source.Value + destination.Value + (ulong)IPv4Protocol.Tcp + (ulong)length;
}
