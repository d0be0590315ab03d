using System;
using System.Collections.Generic;
using System.Numerics;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>A host's IPv4 on one link: checks what comes in, routes what goes out (RFC 791; RFC 1122, 3).</summary>
/// <remarks>It forwards nothing.</remarks>
internal sealed class IPv4Interface
{
    /// <summary>How many groups may be joined.</summary>
    public const int GroupLimit = 32;

    private const byte DefaultTimeToLive = 64;
    private const int PayloadOffset = EthernetHeader.Length + IPv4Header.MinimumLength;

    private readonly IPv4Output _output;
    private readonly ArpCache _arp;
    private readonly byte[] _frame = IPv4Output.NewFrame();
    private readonly LoopbackQueue _loopback = new();
    private readonly List<IPv4Address> _groups = [];
    private ushort _identification;

    public IPv4Interface(IPv4Output output, ArpCache arp, Random random)
    {
        _output = output;
        _arp = arp;
        _identification = (ushort)random.Next(ushort.MaxValue + 1);
    }

    /// <summary>The address and what goes with it; null where there is none.</summary>
    public IPv4Configuration? Configuration { get; private set; }

    /// <summary>The size of the largest packet that is sent in one piece, in bytes.</summary>
    public int Mtu => _output.Mtu;

    /// <summary>Whether this host has sent packets to itself that it has not received yet.</summary>
    public bool HasLoopback => !_loopback.IsEmpty;

    /// <summary>
    /// Where the payload of the next packet to send is built; its content is lost when anything is sent.
    /// </summary>
    public Span<byte> Payload => _frame.AsSpan(PayloadOffset);

    public void Configure(IPv4Configuration? configuration)
    {
        Configuration = configuration;
        _loopback.Clear();
        _output.SetMtu(configuration?.Mtu ?? 0);
        _arp.Configure(configuration);
    }

    /// <summary>Receives what is sent to a group from now on; it may be joined several times.</summary>
    /// <returns>Whether it is a group, and there is room for it.</returns>
    public bool TryJoin(IPv4Address group)
    {
        if (!group.IsMulticast || _groups.Count == GroupLimit)
        {
            return false;
        }

        _groups.Add(group);
        return true;
    }

    /// <summary>Takes back one <see cref="TryJoin"/>.</summary>
    public void Leave(IPv4Address group) => _groups.Remove(group);

    /// <summary>Whether frames for a group of stations may be for us (RFC 1112, 6.4).</summary>
    public bool IsGroupStation(MacAddress station)
    {
        foreach (IPv4Address group in _groups)
        {
            if (station == GroupStation(group))
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The stations whose frames may be for us, each once.</summary>
    public MacAddress[] GroupStations()
    {
        List<MacAddress> stations = [];
        foreach (IPv4Address group in _groups)
        {
            MacAddress station = GroupStation(group);
            if (!stations.Contains(station))
            {
                stations.Add(station);
            }
        }

        return [.. stations];
    }

    /// <summary>The low 23 bits of a group's address, behind 01:00:5E (RFC 1112, 6.4).</summary>
    private static MacAddress GroupStation(IPv4Address group)
    {
        ReadOnlySpan<byte> bytes =
            [0x01, 0x00, 0x5E, (byte)((group.Value >> 16) & 0x7F), (byte)(group.Value >> 8), (byte)group.Value];
        return new MacAddress(bytes);
    }

    /// <summary>Checks a received packet's header and addresses.</summary>
    /// <param name="packet">The packet, perhaps with padding.</param>
    /// <param name="header">Its header, where it is valid.</param>
    /// <param name="delivery">Whom it is for, where it is valid.</param>
    /// <param name="reason">What is wrong with it, where it is not.</param>
    public bool TryReceive(
        ReadOnlySpan<byte> packet, out IPv4Header header, out Delivery delivery, out DropReason reason)
    {
        delivery = Delivery.Other;
        if (!IPv4Header.TryParse(packet, out header, out reason))
        {
            return false;
        }

        if (Configuration is null ? !header.Source.IsUnicast : !Configuration.IsOtherHost(header.Source))
        {
            reason = DropReason.IPv4BadSource;
            return false;
        }

        if (header.Destination.IsBroadcast || (Configuration?.IsBroadcast(header.Destination) ?? false))
        {
            delivery = Delivery.Broadcast;
        }
        else if (header.Destination.IsMulticast && _groups.Contains(header.Destination))
        {
            delivery = Delivery.Multicast;
        }
        else if (header.Destination == Configuration?.Address)
        {
            delivery = Delivery.Unicast;
        }

        return true;
    }

    /// <summary>Finds the next hop: the gateway, or the destination itself for broadcasts and on the link.</summary>
    /// <returns>Whether there is a way to the destination.</returns>
    public bool TryRoute(IPv4Address destination, out IPv4Address nextHop)
    {
        nextHop = destination;
        if (IsOwn(destination))
        {
            return true;
        }

        if (Configuration is null)
        {
            return false;
        }

        if (Configuration.IsBroadcast(destination))
        {
            return true;
        }

        if (!Configuration.IsOtherHost(destination))
        {
            return false;
        }

        if (!Configuration.IsOnLink(destination))
        {
            nextHop = Configuration.Gateway;
        }

        return !nextHop.IsAny;
    }

    /// <summary>Whether an address is this host's own: the configured one, or any of 127.0.0.0/8.</summary>
    public bool IsOwn(IPv4Address address) =>
        address.IsLoopback || (Configuration is not null && address == Configuration.Address);

    /// <summary>Whether an address can be that of a host, this one included.</summary>
    public bool CanBeHost(IPv4Address address) =>
        IsOwn(address) || (Configuration is null ? address.IsUnicast : Configuration.IsOtherHost(address));

    /// <summary>The address that packets to a destination come from; <see cref="IPv4Address.Any"/> for none.</summary>
    public IPv4Address SourceFor(IPv4Address destination) =>
        destination.IsLoopback ? IPv4Address.Loopback : Configuration?.Address ?? IPv4Address.Any;

    /// <summary>Sends the first <paramref name="length"/> bytes of <see cref="Payload"/>.</summary>
    /// <param name="destination">The receiver.</param>
    /// <param name="protocol">What the payload is.</param>
    /// <param name="length">Its size in bytes.</param>
    /// <param name="now">The time.</param>
    /// <param name="mayFragment">Whether routers may cut it, or rather report that it is too large.</param>
    /// <param name="offload">What the device has to do with it.</param>
    public SendStatus Send(
        IPv4Address destination,
        IPv4Protocol protocol,
        int length,
        TimeSpan now,
        bool mayFragment = true,
        FrameOffload offload = default)
    {
        IPv4Address source = SourceFor(destination);
        if (source.IsAny)
        {
            return SendStatus.NoAddress;
        }

        if (!TryRoute(destination, out IPv4Address nextHop))
        {
            return SendStatus.NoRoute;
        }

        if (length > Payload.Length)
        {
            return SendStatus.TooLarge;
        }

        bool isWhole = offload.SegmentSize > 0 || _output.Fits(IPv4Header.MinimumLength + length);
        ushort fragment = mayFragment || !isWhole ? (ushort)0 : IPv4Header.DontFragment;
        int total = WriteHeader(source, destination, protocol, length, fragment);
        if (IsOwn(destination))
        {
            return _loopback.TryAdd(_frame.AsSpan(EthernetHeader.Length, total)) ? SendStatus.Sent : SendStatus.Busy;
        }

        return Configuration!.IsBroadcast(destination)
            ? _output.Send(_frame, total, MacAddress.Broadcast)
            : _arp.Send(nextHop, _frame, total, now, offload);
    }

    /// <summary>
    /// Broadcasts the first <paramref name="length"/> bytes of <see cref="Payload"/>, from no address (RFC 1122,
    /// 3.2.1.3, a).
    /// </summary>
    public SendStatus SendUnconfigured(IPv4Protocol protocol, int length)
    {
        int total = WriteHeader(IPv4Address.Any, IPv4Address.Broadcast, protocol, length, fragment: 0);
        return _output.Send(_frame, total, MacAddress.Broadcast);
    }

    /// <summary>Takes the oldest packet that this host has sent to itself.</summary>
    /// <param name="packet">The packet; valid until the next one is taken.</param>
    /// <param name="header">Its header.</param>
    /// <returns>Whether there is one.</returns>
    public bool TryTakeLoopback(out ReadOnlySpan<byte> packet, out IPv4Header header)
    {
        packet = _loopback.Take();
        return IPv4Header.TryParse(packet, out header, out _);
    }

    private int WriteHeader(
        IPv4Address source, IPv4Address destination, IPv4Protocol protocol, int length, ushort fragment)
    {
        int total = IPv4Header.MinimumLength + length;
        var header = new IPv4Header(
            IPv4Header.MinimumLength,
            total,
            _identification++,
            fragment,
            DefaultTimeToLive,
            protocol,
            source,
            destination);
        header.Write(_frame.AsSpan(EthernetHeader.Length));
        return total;
    }

}

/// <summary>Packets from this host to itself, on their way.</summary>
internal sealed class LoopbackQueue
{
    /// <summary>How many packets may be on the way.</summary>
    public const int Capacity = 64;

    // Each place grows to the largest packet that it has had.
    private readonly byte[][] _packets = new byte[Capacity][];
    private readonly int[] _lengths = new int[Capacity];
    private int _first;
    private int _count;
    private bool _isFirstTaken;

    public bool IsEmpty => _count == (_isFirstTaken ? 1 : 0);

    /// <returns>Whether there was room.</returns>
    public bool TryAdd(ReadOnlySpan<byte> packet)
    {
        if (_count == Capacity)
        {
            return false;
        }

        int index = (_first + _count++) % Capacity;
        if (_packets[index] is null || _packets[index].Length < packet.Length)
        {
            _packets[index] = new byte[BitOperations.RoundUpToPowerOf2((uint)packet.Length)];
        }

        packet.CopyTo(_packets[index]);
        _lengths[index] = packet.Length;
        return true;
    }

    /// <summary>Takes the oldest packet; empty where there is none. It is valid until the next call.</summary>
    public ReadOnlySpan<byte> Take()
    {
        if (_isFirstTaken)
        {
            _first = (_first + 1) % Capacity;
            _count--;
        }

        _isFirstTaken = _count > 0;
        return _isFirstTaken ? _packets[_first].AsSpan(0, _lengths[_first]) : default;
    }

    public void Clear()
    {
        _count = _isFirstTaken ? 1 : 0;
    }
}

/// <summary>Whom a received packet is for.</summary>
internal enum Delivery
{
    /// <summary>This host alone.</summary>
    Unicast,

    /// <summary>All hosts on the link.</summary>
    Broadcast,

    /// <summary>All hosts that have joined a group.</summary>
    Multicast,

    /// <summary>Another host; or us, at an address that DHCP has offered but not granted yet.</summary>
    Other,
}
