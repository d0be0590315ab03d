using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets;

/// <summary>
/// The sockets of a machine, over all of its links: finds the link to a destination, and keeps the descriptors.
/// </summary>
public sealed class SocketSystem
{
    /// <summary>The first descriptor of a socket: far above files', so that a number tells which it is.</summary>
    public const int FirstDescriptor = 1 << 16;

    /// <summary>How many sockets may be open.</summary>
    public const int DescriptorLimit = 4096;

    private const int Stream = 1;
    private const int Datagram = 2;
    private const int Tcp = 6;
    private const int Udp = 17;

    private readonly Lock _gate = new();
    private readonly List<GuestSocket?> _sockets = [];
    private readonly Stack<int> _free = [];
    private readonly object _changed = new();
    private Link[] _links;
    private int _pollers;
    private long _changes;

    /// <summary>Creates the sockets of a machine without devices.</summary>
    /// <param name="loopback">The stack for 127.0.0.0/8.</param>
    public SocketSystem(NetworkStack loopback)
    {
        _links = [new Link("lo", 1, loopback)];
    }

    /// <summary>The links, the loopback first.</summary>
    public IReadOnlyList<Link> Links => Volatile.Read(ref _links);

    /// <summary>Adds a link; sockets that are bound to all addresses are bound to its as well.</summary>
    public void Add(string name, NetworkStack stack)
    {
        GuestSocket?[] sockets;
        lock (_gate)
        {
            _links = [.. _links, new Link(name, _links[^1].Number + 1, stack)];
            sockets = [.. _sockets];
        }

        foreach (GuestSocket? socket in sockets)
        {
            socket?.AddLink(stack);
        }
    }

    /// <summary>Takes a link out: nothing new goes over it.</summary>
    public void Remove(NetworkStack stack)
    {
        lock (_gate)
        {
            _links = Array.FindAll(_links, link => link.Stack != stack);
        }
    }

    /// <summary>Opens a socket.</summary>
    /// <param name="family">The address family, in .NET's numbers.</param>
    /// <param name="type">1 for a stream, 2 for datagrams.</param>
    /// <param name="protocol">6 for TCP, 17 for UDP, 0 for what the type says.</param>
    /// <param name="descriptor">Its descriptor.</param>
    public SocketError Open(int family, int type, int protocol, out int descriptor)
    {
        descriptor = -1;
        if (family != SocketAddressBytes.InterNetwork)
        {
            return SocketError.AddressFamilyNotSupported;
        }

        switch (type, protocol)
        {
            case (Stream, 0 or Tcp):
                return Add(new StreamSocket(this), out descriptor);

            case (Datagram, 0 or Udp):
                return Add(new DatagramSocket(this), out descriptor);

            case (Stream or Datagram, _):
                return SocketError.ProtocolNotSupported;

            default:
                return SocketError.TypeNotSupported;
        }
    }

    /// <summary>Gives a socket a descriptor.</summary>
    public SocketError Add(GuestSocket socket, out int descriptor)
    {
        lock (_gate)
        {
            if (!_free.TryPop(out int index))
            {
                index = _sockets.Count;
                if (index == DescriptorLimit)
                {
                    descriptor = -1;
                    return SocketError.TooManyDescriptors;
                }

                _sockets.Add(null);
            }

            _sockets[index] = socket;
            descriptor = FirstDescriptor + index;
            return SocketError.None;
        }
    }

    /// <summary>Finds a socket; null where there is none.</summary>
    public GuestSocket? Find(nint descriptor)
    {
        nint index = descriptor - FirstDescriptor;
        lock (_gate)
        {
            return index >= 0 && index < _sockets.Count ? _sockets[(int)index] : null;
        }
    }

    /// <summary>Closes a socket.</summary>
    /// <returns>Whether there was one.</returns>
    public bool Close(nint descriptor)
    {
        nint index = descriptor - FirstDescriptor;
        GuestSocket? socket;
        lock (_gate)
        {
            bool isOne = index >= 0 && index < _sockets.Count;
            socket = isOne ? _sockets[(int)index] : null;
            if (socket is null)
            {
                return false;
            }

            // Nobody else closes it, and the number is not used again before it is closed.
            _sockets[(int)index] = null;
        }

        socket.Close();
        lock (_gate)
        {
            _free.Push((int)index);
        }

        return true;
    }

    /// <summary>Waits until something can be done with any of some sockets.</summary>
    /// <param name="polls">The sockets, and what is waited for; receives what can be done.</param>
    /// <param name="timeout">How long to wait; null for ever.</param>
    /// <returns>With how many something can be done.</returns>
    public int Poll(Span<PollEntry> polls, TimeSpan? timeout)
    {
        long start = Stopwatch.GetTimestamp();
        Interlocked.Increment(ref _pollers);
        try
        {
            while (true)
            {
                long seen = Interlocked.Read(ref _changes);
                int count = Look(polls);
                TimeSpan left = timeout is null
                    ? Timeout.InfiniteTimeSpan
                    : timeout.Value - Stopwatch.GetElapsedTime(start);
                if (count > 0 || (timeout is not null && left <= TimeSpan.Zero))
                {
                    return count;
                }

                lock (_changed)
                {
                    if (_changes == seen)
                    {
                        Monitor.Wait(_changed, left);
                    }
                }
            }
        }
        finally
        {
            Interlocked.Decrement(ref _pollers);
        }
    }

    /// <summary>The link that packets to a destination leave over; null where there is none.</summary>
    internal Link? RouteTo(IPv4Address destination)
    {
        Link[] links = Volatile.Read(ref _links);
        if (destination.IsLoopback)
        {
            return links[0];
        }

        Link? fallback = null;
        foreach (Link link in links)
        {
            IPv4Configuration? configuration = link.Stack.Configuration;
            if (configuration is null)
            {
                continue;
            }

            if (destination == configuration.Address || configuration.IsOnLink(destination))
            {
                return link;
            }

            bool leadsOut = !configuration.Gateway.IsAny || destination.IsBroadcast || destination.IsMulticast;
            fallback ??= leadsOut ? link : null;
        }

        return fallback;
    }

    /// <summary>The link whose address this is; null where it is not this host's.</summary>
    internal Link? OwnerOf(IPv4Address address)
    {
        Link[] links = Volatile.Read(ref _links);
        return address.IsLoopback
            ? links[0]
            : Array.Find(links, link => link.Stack.Configuration?.Address == address);
    }

    /// <summary>Wakes whoever polls.</summary>
    internal void OnChange()
    {
        Interlocked.Increment(ref _changes);
        if (Volatile.Read(ref _pollers) != 0)
        {
            lock (_changed)
            {
                Monitor.PulseAll(_changed);
            }
        }
    }

    private int Look(Span<PollEntry> polls)
    {
        const PollEvents Always = PollEvents.Error | PollEvents.HangUp | PollEvents.Invalid;
        int count = 0;
        foreach (ref PollEntry poll in polls)
        {
            PollEvents readiness = Find(poll.Descriptor)?.Readiness ?? PollEvents.Invalid;
            poll.Triggered = poll.Descriptor < 0 ? 0 : readiness & (poll.Wanted | Always);
            count += poll.Triggered != 0 ? 1 : 0;
        }

        return count;
    }

    /// <summary>A link of the machine.</summary>
    /// <param name="Name">What people call it, for example <c>net0</c>.</param>
    /// <param name="Number">Its interface index, from 1.</param>
    /// <param name="Stack">The protocols over it.</param>
    public sealed record Link(string Name, int Number, NetworkStack Stack);
}

/// <summary>A socket that is polled, laid out as .NET's class library has it (<c>pollfd</c>).</summary>
public struct PollEntry
{
    /// <summary>The descriptor; one below zero is passed over.</summary>
    public int Descriptor;

    /// <summary>What is waited for.</summary>
    public PollEvents Wanted;

    /// <summary>What can be done.</summary>
    public PollEvents Triggered;
}
