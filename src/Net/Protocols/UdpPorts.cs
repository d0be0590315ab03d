using System;
using System.Collections.Generic;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>UDP: the open ports, and sending from them (RFC 768; RFC 1122, 4.1).</summary>
internal sealed class UdpPorts
{
    /// <summary>How many ports may be open at a time.</summary>
    public const int Capacity = 256;

    /// <summary>The first of the ports that the stack itself gives out (RFC 6335, 6).</summary>
    public const ushort FirstDynamicPort = 49152;

    private const int DynamicPorts = ushort.MaxValue - FirstDynamicPort + 1;

    private readonly IPv4Interface _ipv4;
    private readonly StackCounters _counters;
    private readonly Random _random;
    private readonly Dictionary<ushort, UdpQueue> _open = [];
    private readonly Queue<UdpQueue> _raised = [];

    public UdpPorts(IPv4Interface ipv4, StackCounters counters, Random random)
    {
        _ipv4 = ipv4;
        _counters = counters;
        _random = random;
    }

    /// <param name="port">The port, or 0 for any that is free.</param>
    /// <returns>The open port, or null where it is taken or the table is full.</returns>
    public UdpQueue? Open(ushort port)
    {
        if (_open.Count == Capacity || port == DhcpMessage.ClientPort || (port != 0 && _open.ContainsKey(port)))
        {
            return null;
        }

        var queue = new UdpQueue(this, port == 0 ? FindFreePort() : port);
        _open.Add(queue.Port, queue);
        return queue;
    }

    public void Close(UdpQueue queue)
    {
        if (queue.IsOpen)
        {
            _open.Remove(queue.Port);
            queue.Close();
        }
    }

    /// <summary>Whether something has changed that was not told of yet.</summary>
    public bool HasRaised => _raised.Count > 0;

    /// <summary>Notes that there is something to take.</summary>
    public void Raise(UdpQueue queue)
    {
        if (!queue.IsRaised)
        {
            queue.IsRaised = true;
            _raised.Enqueue(queue);
        }
    }

    /// <summary>Takes the oldest of what was noted; null where there is nothing.</summary>
    public UdpQueue? TakeRaised()
    {
        if (_raised.TryDequeue(out UdpQueue? queue))
        {
            queue.IsRaised = false;
        }

        return queue;
    }

    public SendStatus Send(
        UdpQueue queue, IPv4Address destination, ushort port, ReadOnlySpan<byte> data, TimeSpan now)
    {
        if (!queue.IsOpen)
        {
            return SendStatus.Closed;
        }

        IPv4Address source = _ipv4.SourceFor(destination);
        if (source.IsAny)
        {
            return SendStatus.NoAddress;
        }

        Span<byte> room = _ipv4.Payload;
        if (data.Length > room.Length - UdpHeader.Length)
        {
            return SendStatus.TooLarge;
        }

        data.CopyTo(room[UdpHeader.Length..]);
        var header = new UdpHeader(queue.Port, port, UdpHeader.Length + data.Length);
        header.Write(source, destination, room);
        return _ipv4.Send(destination, IPv4Protocol.Udp, header.DatagramLength, now);
    }

    /// <summary>An ICMP error quotes a datagram from a port.</summary>
    /// <returns>Whether it is open.</returns>
    public bool OnUnreachable(ushort port, in UdpUnreachable error)
    {
        UdpQueue? queue = Find(port);
        queue?.OnUnreachable(error);
        return queue is not null;
    }

    /// <summary>Takes a received datagram whose header and checksum are correct.</summary>
    /// <returns>Whether anybody has its port open.</returns>
    public bool OnDatagram(
        IPv4Address source, IPv4Address destination, in UdpHeader header, ReadOnlySpan<byte> data)
    {
        UdpQueue? queue = Find(header.DestinationPort);
        if (queue is null)
        {
            _counters.Drop(DropReason.UdpNoSocket);
        }
        else if (!queue.TryAdd(source, header.SourcePort, destination, data))
        {
            _counters.Drop(DropReason.UdpSocketFull);
        }

        return queue is not null;
    }

    private UdpQueue? Find(ushort port) => _open.GetValueOrDefault(port);

    private ushort FindFreePort()
    {
        // A random start makes ports hard to guess (RFC 6056). There are far more than can be open, so this ends.
        int start = _random.Next(DynamicPorts);
        for (int i = 0; ; i++)
        {
            ushort port = (ushort)(FirstDynamicPort + ((start + i) % DynamicPorts));
            if (Find(port) is null)
            {
                return port;
            }
        }
    }
}
