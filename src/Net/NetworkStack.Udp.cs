using System;
using VirtioGuest.Net.Protocols;

namespace VirtioGuest.Net;

public sealed partial class NetworkStack
{
    /// <summary>Opens a UDP port.</summary>
    /// <param name="port">The port, or 0 for any that is free.</param>
    /// <returns>The socket, or null where the port is in use or too many are open.</returns>
    public UdpSocket? OpenUdp(ushort port)
    {
        lock (_gate)
        {
            UdpQueue? queue = _udp.Open(port);
            return queue is null ? null : new UdpSocket(this, queue);
        }
    }

    internal SendStatus SendUdp(UdpQueue queue, IPv4Address destination, ushort port, ReadOnlySpan<byte> data)
    {
        lock (_gate)
        {
            TimeSpan now = RunDueTimers();
            SendStatus status = _udp.Send(queue, destination, port, data, now);
            ReceiveLooped(now);
            return status;
        }
    }

    internal bool ReceiveUdp(UdpQueue queue, Span<byte> buffer, TimeSpan timeout, out UdpDatagram datagram)
    {
        TimeSpan deadline = DeadlineAfter(_clock.Now, timeout);
        while (true)
        {
            TimeSpan wait;
            lock (_gate)
            {
                TimeSpan now = RunDueTimers();
                bool isTaken = queue.TryTake(buffer, out datagram);
                if (isTaken || !queue.IsOpen || now >= deadline)
                {
                    queue.WakeNext();
                    return isTaken;
                }

                wait = WaitFrom(now, deadline);
            }

            _clock.Wait(queue.Signal, wait);
        }
    }

    internal void CloseUdp(UdpQueue queue)
    {
        lock (_gate)
        {
            _udp.Close(queue);
        }
    }
}
