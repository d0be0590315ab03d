using System;
using VirtioGuest.Net.Protocols;

namespace VirtioGuest.Net;

/// <summary>An open UDP port (RFC 768). Threads may share it.</summary>
public sealed class UdpSocket : IDisposable
{
    private readonly NetworkStack _stack;
    private readonly UdpQueue _queue;

    internal UdpSocket(NetworkStack stack, UdpQueue queue)
    {
        _stack = stack;
        _queue = queue;
    }

    /// <summary>The port.</summary>
    public ushort LocalPort => _queue.Port;

    /// <summary>Sends a datagram.</summary>
    /// <param name="destination">A host, or a broadcast address.</param>
    /// <param name="port">The port there.</param>
    /// <param name="data">What to send; at most what fits into one packet.</param>
    public SendStatus Send(IPv4Address destination, ushort port, ReadOnlySpan<byte> data)
    {
        return _stack.SendUdp(_queue, destination, port, data);
    }

    /// <summary>Waits for a datagram.</summary>
    /// <param name="buffer">Where its data go, as far as they fit.</param>
    /// <param name="timeout">How long to wait at most; cut to <see cref="NetworkStack.LongestWait"/>.</param>
    /// <param name="datagram">Who sent it, and how long it is.</param>
    /// <returns>Whether one arrived in time; false at once when the socket is closed.</returns>
    public bool TryReceive(Span<byte> buffer, TimeSpan timeout, out UdpDatagram datagram)
    {
        return _stack.ReceiveUdp(_queue, buffer, timeout, out datagram);
    }

    /// <summary>Closes the port; whoever waits for it is woken.</summary>
    public void Dispose() => _stack.CloseUdp(_queue);
}
