using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets;

/// <summary>
/// A socket as the calls of POSIX know it: one descriptor over all links of the machine, which waits where it is told
/// to. Threads may share it.
/// </summary>
/// <remarks>
/// The stacks tell of changes on any thread (<see cref="OnChange"/>): that takes <see cref="_signal"/> only, and no
/// stack is ever entered with it. What belongs to the socket itself is under <see cref="Gate"/>.
/// </remarks>
public abstract class GuestSocket
{
    /// <summary>How many ports are tried where any will do: one that is free here may not be there.</summary>
    private const int PortTries = 16;

    private readonly object _signal = new();
    private long _changes;
    private SocketEventPort.Registration? _registration;

    private protected GuestSocket(SocketSystem system)
    {
        System = system;
        Changed = OnChange;
    }

    /// <summary>Whether a call that cannot do its work yet waits; so it is at first.</summary>
    public bool IsBlocking { get; set; } = true;

    /// <summary>How long a receiving or accepting call waits; null for ever.</summary>
    public TimeSpan? ReceiveTimeout { get; set; }

    /// <summary>How long a sending call waits; null for ever.</summary>
    public TimeSpan? SendTimeout { get; set; }

    /// <summary>Whether it is of TCP; else of UDP.</summary>
    public abstract bool IsStream { get; }

    /// <summary>Whether connections can be accepted from it.</summary>
    public virtual bool IsListening => false;

    /// <summary>What can be done at the moment.</summary>
    public abstract PollEvents Readiness { get; }

    /// <summary>Our end.</summary>
    public abstract IpEndpoint Local { get; }

    /// <summary>The peer's end; null where there is none.</summary>
    public abstract IpEndpoint? Remote { get; }

    /// <summary>How many bytes the next call can receive.</summary>
    public abstract int Available { get; }

    private protected SocketSystem System { get; }

    /// <summary>Guards what belongs to the socket.</summary>
    private protected Lock Gate { get; } = new();

    /// <summary>What the stacks call when something has changed.</summary>
    private protected Action Changed { get; }

    /// <summary>Takes a port, and perhaps one of this host's addresses.</summary>
    public abstract SocketError Bind(IpEndpoint local);

    /// <summary>Opens a connection, or names the only peer.</summary>
    public abstract SocketError Connect(IpEndpoint remote);

    /// <summary>Ends the connection at once, or forgets the peer; whoever waits is woken.</summary>
    public abstract SocketError Disconnect();

    /// <summary>Waits for connections from now on.</summary>
    public virtual SocketError Listen(int backlog) => SocketError.NotSupported;

    /// <summary>Takes a connection.</summary>
    public virtual SocketError Accept(out GuestSocket? accepted)
    {
        accepted = null;
        return SocketError.NotSupported;
    }

    /// <summary>Sends.</summary>
    /// <param name="data">What to send.</param>
    /// <param name="destination">To whom; null for the peer.</param>
    /// <param name="flags">How.</param>
    /// <param name="count">How many bytes were taken.</param>
    public abstract SocketError Send(
        ReadOnlySpan<byte> data, IpEndpoint? destination, MessageFlags flags, out int count);

    /// <summary>Receives.</summary>
    /// <param name="buffer">Where to.</param>
    /// <param name="flags">How.</param>
    /// <param name="message">What is known about it.</param>
    public abstract SocketError Receive(Span<byte> buffer, MessageFlags flags, out ReceivedMessage message);

    /// <summary>Ends one or both directions.</summary>
    public abstract SocketError Shutdown(bool receive, bool send);

    /// <summary>Why the connection ended, once; as SO_ERROR.</summary>
    public abstract SocketError TakeError();

    /// <summary>Reads an option.</summary>
    public abstract SocketError GetOption(SocketOption option, out int value);

    /// <summary>Sets an option.</summary>
    public abstract SocketError SetOption(SocketOption option, int value);

    /// <summary>How long a closed socket goes on delivering; null for as long as it takes.</summary>
    public abstract TimeSpan? Linger { get; set; }

    /// <summary>Receives what is sent to a group, or no longer.</summary>
    public virtual SocketError ChangeMembership(IPv4Address group, IPv4Address link, bool isMember) =>
        SocketError.NotSupported;

    /// <summary>Closes it.</summary>
    public void Close()
    {
        _registration?.End();
        _registration = null;
        CloseCore();
        OnChange();
    }

    /// <summary>Has its events collected by a port; the first is what can be done at the moment.</summary>
    public SocketError Register(SocketEventPort port, nint data)
    {
        if (_registration is not null)
        {
            return SocketError.InvalidArgument;
        }

        _registration = port.Register(data);
        OnChange();
        return SocketError.None;
    }

    /// <summary>Ends that.</summary>
    public void Unregister()
    {
        _registration?.End();
        _registration = null;
    }

    /// <summary>Joins a link that was added to the machine after the socket was bound to all of them.</summary>
    internal abstract void AddLink(NetworkStack stack);

    private protected abstract void CloseCore();

    /// <summary>As elsewhere, no address means this host.</summary>
    private protected static IpEndpoint PeerOf(in IpEndpoint remote) =>
        remote.IsAnyAddress ? new IpEndpoint(IPv4Address.Loopback, remote.Port) : remote;

    /// <summary>Takes a port on every link, or on the one that has the address; under <see cref="Gate"/>.</summary>
    /// <param name="local">What is wanted; receives what was taken.</param>
    private protected SocketError HoldPort(ref IpEndpoint local)
    {
        IReadOnlyList<SocketSystem.Link> links = System.Links;
        if (!local.IsAnyAddress)
        {
            if (System.OwnerOf(local.IPv4) is not SocketSystem.Link owner)
            {
                return SocketError.AddressNotAvailable;
            }

            links = [owner];
        }

        SocketError error = SocketError.AddressInUse;
        int tries = local.Port == 0 ? PortTries : 1;
        for (int i = 0; i < tries && error == SocketError.AddressInUse; i++)
        {
            IpEndpoint wanted = local;
            error = SocketError.None;
            for (int link = 0; link < links.Count && error == SocketError.None; link++)
            {
                error = Hold(links[link], wanted, out ushort port);
                wanted = wanted with { Port = port };
            }

            if (error == SocketError.None)
            {
                local = wanted;
            }
            else
            {
                ReleaseHeld();
            }
        }

        return error;
    }

    /// <summary>Takes a port on a link.</summary>
    /// <param name="link">The link.</param>
    /// <param name="local">What is wanted.</param>
    /// <param name="port">The port that was taken.</param>
    private protected abstract SocketError Hold(SocketSystem.Link link, IpEndpoint local, out ushort port);

    /// <summary>Lets go of all ports.</summary>
    private protected abstract void ReleaseHeld();

    /// <summary>How many changes there were: to be read before an attempt that may have to be repeated.</summary>
    private protected long Changes => Interlocked.Read(ref _changes);

    /// <summary>Waits for a change.</summary>
    /// <param name="seen">What <see cref="Changes"/> was before the attempt.</param>
    /// <param name="start">When the call began; <see cref="Stopwatch.GetTimestamp"/>.</param>
    /// <param name="timeout">How long it may wait in all; null for ever.</param>
    /// <returns>Whether there was one in time.</returns>
    private protected bool WaitForChange(long seen, long start, TimeSpan? timeout)
    {
        lock (_signal)
        {
            while (_changes == seen)
            {
                TimeSpan left = timeout is null
                    ? Timeout.InfiniteTimeSpan
                    : timeout.Value - Stopwatch.GetElapsedTime(start);
                if (timeout is not null && left <= TimeSpan.Zero)
                {
                    return false;
                }

                Monitor.Wait(_signal, left);
            }
        }

        return true;
    }

    private protected void OnChange()
    {
        lock (_signal)
        {
            _changes++;
            Monitor.PulseAll(_signal);
        }

        _registration?.Post(ToEvents(Readiness));
        System.OnChange();
    }

    /// <summary>A connection that is over can be read from and written to: that tells why.</summary>
    private static SocketEvents ToEvents(PollEvents readiness)
    {
        const PollEvents Over = PollEvents.Error | PollEvents.HangUp;
        SocketEvents events = (readiness & PollEvents.In) != 0 ? SocketEvents.Read : 0;
        events |= (readiness & PollEvents.Out) != 0 ? SocketEvents.Write : 0;
        return (readiness & Over) != 0 ? events | SocketEvents.Read | SocketEvents.Write : events;
    }
}

/// <summary>What can be done with a socket, as <c>poll</c> says it.</summary>
[Flags]
public enum PollEvents : short
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Receiving or accepting.</summary>
    In = 1,

    /// <summary>Urgent data; there never is.</summary>
    Priority = 2,

    /// <summary>Sending.</summary>
    Out = 4,

    /// <summary>There is an error.</summary>
    Error = 8,

    /// <summary>There is no connection any more.</summary>
    HangUp = 0x10,

    /// <summary>There is no such descriptor.</summary>
    Invalid = 0x20,
}

/// <summary>How to send or receive, in .NET's numbers (<c>SocketFlags</c>).</summary>
[Flags]
public enum MessageFlags
{
    /// <summary>As usual.</summary>
    None = 0,

    /// <summary>Urgent data: not supported (RFC 6093 advises against it).</summary>
    OutOfBand = 1,

    /// <summary>What is received stays.</summary>
    Peek = 2,

    /// <summary>The datagram was longer than the buffer.</summary>
    Truncated = 0x100,
}

/// <summary>What is known about received bytes.</summary>
/// <param name="Count">How many were copied.</param>
/// <param name="Source">Who sent them.</param>
/// <param name="Destination">Whom they were sent to.</param>
/// <param name="Link">The number of the link that they came over.</param>
/// <param name="IsTruncated">Whether there were more.</param>
public readonly record struct ReceivedMessage(
    int Count, IpEndpoint Source, IPv4Address Destination, int Link, bool IsTruncated);

/// <summary>The options that there are.</summary>
public enum SocketOption
{
    /// <summary>SO_BROADCAST.</summary>
    Broadcast,

    /// <summary>SO_RCVBUF, in bytes.</summary>
    ReceiveBuffer,

    /// <summary>SO_SNDBUF, in bytes.</summary>
    SendBuffer,

    /// <summary>SO_KEEPALIVE.</summary>
    KeepAlive,

    /// <summary>TCP_KEEPIDLE, in seconds.</summary>
    KeepAliveTime,

    /// <summary>TCP_KEEPINTVL, in seconds.</summary>
    KeepAliveInterval,

    /// <summary>TCP_KEEPCNT.</summary>
    KeepAliveRetries,

    /// <summary>TCP_NODELAY.</summary>
    NoDelay,

    /// <summary>SO_REUSEADDR: without effect, because TIME-WAIT does not keep a port from being bound.</summary>
    ReuseAddress,
}
