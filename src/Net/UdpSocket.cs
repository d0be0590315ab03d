using System;
using VirtioGuest.Net.Protocols;

namespace VirtioGuest.Net;

/// <summary>An open UDP port (RFC 768). Threads may share it.</summary>
public sealed class UdpSocket : IDisposable
{
    /// <summary>How many bytes of datagrams may wait to be taken.</summary>
    public const int BufferLength = UdpQueue.ByteCapacity;

    private readonly NetworkStack _stack;
    private readonly UdpQueue _queue;

    internal UdpSocket(NetworkStack stack, UdpQueue queue)
    {
        _stack = stack;
        _queue = queue;
    }

    /// <summary>The port.</summary>
    public ushort LocalPort => _queue.Port;

    /// <summary>How many bytes the next datagram carries; null where there is none.</summary>
    public int? NextLength => _stack.NextLength(_queue);

    /// <summary>Whether a datagram or a report of <see cref="TryTakeUnreachable"/> can be taken.</summary>
    public bool IsReadable => _stack.HasSomething(_queue);

    /// <summary>
    /// Has somebody told whenever there may be something to take: without a lock, on whatever thread has entered the
    /// stack. He must not wait.
    /// </summary>
    /// <param name="changed">Who is told; he takes the place of whoever was told before.</param>
    public void OnChange(Action changed) => _stack.SetChanged(_queue, changed);

    /// <summary>Sends a datagram.</summary>
    /// <param name="destination">A host, or a broadcast address.</param>
    /// <param name="port">The destination port.</param>
    /// <param name="data">What to send; at most what fits into one packet.</param>
    public SendStatus Send(IPv4Address destination, ushort port, ReadOnlySpan<byte> data)
    {
        return _stack.SendUdp(_queue, destination, port, data);
    }

    /// <summary>Sends data as several datagrams, which leave together: a device is told of them once.</summary>
    /// <param name="destination">A host, or a broadcast address.</param>
    /// <param name="port">The destination port.</param>
    /// <param name="data">What to send.</param>
    /// <param name="size">How much of it each datagram carries, at least 1 byte; the last one gets the rest.</param>
    /// <param name="sent">How many bytes were sent, from the first on.</param>
    /// <returns>What became of the last datagram that was tried; behind one that was not sent none is.</returns>
    public SendStatus Send(
        IPv4Address destination, ushort port, ReadOnlySpan<byte> data, int size, out int sent)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(size, 1);
        return _stack.SendUdp(_queue, destination, port, data, size, out sent);
    }

    /// <summary>Waits for a datagram.</summary>
    /// <param name="buffer">Receives as much of its data as fits.</param>
    /// <param name="timeout">How long to wait at most; cut to <see cref="NetworkStack.LongestWait"/>.</param>
    /// <param name="datagram">Who sent it, and how long it is.</param>
    /// <returns>
    /// Whether one arrived in time; false at once when the socket is closed, and once when
    /// <see cref="TryTakeUnreachable"/> has something new to tell.
    /// </returns>
    public bool TryReceive(Span<byte> buffer, TimeSpan timeout, out UdpDatagram datagram)
    {
        return _stack.ReceiveUdp(_queue, buffer, timeout, out datagram);
    }

    /// <summary>Takes a datagram if there is one, or only looks at it.</summary>
    /// <param name="buffer">Receives as much of its data as fits.</param>
    /// <param name="isPeek">Whether it can be taken again.</param>
    /// <param name="datagram">Who sent it, and how long it is.</param>
    public bool TryTake(Span<byte> buffer, bool isPeek, out UdpDatagram datagram) =>
        _stack.TakeUdp(_queue, buffer, isPeek, out datagram);

    /// <summary>Takes datagrams, as many as there are and fit.</summary>
    /// <param name="buffer">
    /// Receives their data, one behind the other. The first is cut where even that does not fit.
    /// </param>
    /// <param name="datagrams">Receives who sent them, and how long they are.</param>
    /// <returns>How many.</returns>
    public int Take(Span<byte> buffer, Span<UdpDatagram> datagrams) => _stack.TakeUdp(_queue, buffer, datagrams);

    /// <summary>Receives datagrams to a group as well (RFC 1112), as all sockets with its port then do.</summary>
    /// <remarks>
    /// Nobody is told (there is no IGMP): what comes is what the link brings anyway, as it does on links without
    /// routers.
    /// </remarks>
    /// <param name="group">In 224.0.0.0/4. It may be joined several times, and left as often.</param>
    /// <returns>Whether it is a group, and not too many are joined.</returns>
    public bool TryJoin(IPv4Address group) => _stack.JoinGroup(_queue, group);

    /// <summary>Takes back a <see cref="TryJoin"/>; closing the socket does so for all.</summary>
    public void Leave(IPv4Address group) => _stack.LeaveGroup(_queue, group);

    /// <summary>Takes the last report that a datagram from this port did not get to where it was sent.</summary>
    /// <remarks>Anyone can forge one.</remarks>
    /// <returns>Whether there was one.</returns>
    public bool TryTakeUnreachable(out UdpUnreachable error) => _stack.TakeUnreachable(_queue, out error);

    /// <summary>Closes the port; whoever waits for it is woken.</summary>
    public void Dispose() => _stack.CloseUdp(_queue);
}

/// <summary>Where a received UDP datagram came from, and its length.</summary>
public readonly struct UdpDatagram
{
    internal UdpDatagram(IPv4Address source, ushort sourcePort, IPv4Address destination, int length)
    {
        Source = source;
        SourcePort = sourcePort;
        Destination = destination;
        Length = length;
    }

    /// <summary>The sender.</summary>
    public IPv4Address Source { get; }

    /// <summary>The sender's port; 0 where it expects no answer.</summary>
    public ushort SourcePort { get; }

    /// <summary>Whom it was sent to: this host, a broadcast address or a group.</summary>
    public IPv4Address Destination { get; }

    /// <summary>
    /// How many bytes the datagram carried. Where that is more than the caller's buffer holds, the rest was cut off.
    /// </summary>
    public int Length { get; }
}

/// <summary>A report that a datagram did not get to where it was sent (RFC 792; RFC 1122, 4.1.3.3).</summary>
/// <param name="Destination">Where it was sent.</param>
/// <param name="DestinationPort">To which port.</param>
/// <param name="From">The host that reports: the destination itself, or a router.</param>
/// <param name="Code">Why: the ICMP code; 3 means that nobody has the port open.</param>
public readonly record struct UdpUnreachable(
    IPv4Address Destination, ushort DestinationPort, IPv4Address From, byte Code);

/// <summary>What became of a packet that was to be sent.</summary>
public enum SendStatus
{
    /// <summary>The device took it, or it was for this host itself.</summary>
    Sent,

    /// <summary>It waits until the next hop has answered ARP; it is dropped if that does not happen.</summary>
    Queued,

    /// <summary>This host has no address yet.</summary>
    NoAddress,

    /// <summary>The destination is not on the link and there is no gateway, or no host can have its address.</summary>
    NoRoute,

    /// <summary>It does not fit into a packet, not even one sent in fragments.</summary>
    TooLarge,

    /// <summary>The link is down.</summary>
    LinkDown,

    /// <summary>There was no room, at the device or in the queue of packets that wait for ARP.</summary>
    Busy,

    /// <summary>The socket is closed.</summary>
    Closed,
}
