using System;
using System.Collections.Generic;
using System.Threading;

namespace VirtioGuest.Sockets;

/// <summary>
/// Collects the events of many sockets for one thread, as epoll does edge by edge: an event is told once, and again
/// when something has changed.
/// </summary>
public sealed class SocketEventPort
{
    private readonly object _gate = new();
    private readonly Queue<Registration> _due = [];
    private bool _isClosed;

    /// <summary>Waits for events.</summary>
    /// <param name="events">Receives at least one.</param>
    /// <returns>How many; 0 where the port was closed.</returns>
    public int Wait(Span<SocketEvent> events)
    {
        lock (_gate)
        {
            while (true)
            {
                int count = 0;
                while (count < events.Length && _due.TryDequeue(out Registration? registration))
                {
                    registration.IsDue = false;
                    if (!registration.IsEnded)
                    {
                        events[count++] = new SocketEvent(registration.Data, registration.Pending);
                    }

                    registration.Pending = 0;
                }

                if (count > 0 || _isClosed)
                {
                    return count;
                }

                Monitor.Wait(_gate);
            }
        }
    }

    /// <summary>Ends every wait.</summary>
    public void Close()
    {
        lock (_gate)
        {
            _isClosed = true;
            Monitor.PulseAll(_gate);
        }
    }

    internal Registration Register(nint data) => new(this, data);

    /// <summary>A socket at a port.</summary>
    internal sealed class Registration
    {
        private readonly SocketEventPort _port;

        public Registration(SocketEventPort port, nint data)
        {
            _port = port;
            Data = data;
        }

        public nint Data { get; }

        // The rest is under the port's lock.
        public SocketEvents Pending { get; set; }

        public bool IsDue { get; set; }

        public bool IsEnded { get; private set; }

        public void Post(SocketEvents events)
        {
            if (events == 0)
            {
                return;
            }

            lock (_port._gate)
            {
                Pending |= events;
                if (!IsDue && !IsEnded)
                {
                    IsDue = true;
                    _port._due.Enqueue(this);
                    Monitor.Pulse(_port._gate);
                }
            }
        }

        public void End()
        {
            lock (_port._gate)
            {
                IsEnded = true;
            }
        }
    }
}

/// <summary>An event of a socket, laid out as .NET's class library reads it.</summary>
/// <param name="Data">What was registered with the socket.</param>
/// <param name="Events">What can be done.</param>
public readonly record struct SocketEvent(nint Data, SocketEvents Events);

/// <summary>What can be done, in .NET's numbers.</summary>
[Flags]
public enum SocketEvents
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Receiving or accepting.</summary>
    Read = 1,

    /// <summary>Sending.</summary>
    Write = 2,
}
