using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using VirtioGuest.Net;

namespace VirtioGuest.Sockets;

/// <summary>A socket of UDP: the same port on every link, or on the one whose address it is bound to.</summary>
internal sealed class DatagramSocket : GuestSocket
{
    /// <summary>The largest datagram of UDP over IPv4 in bytes.</summary>
    private const int LargestDatagram = 65507;

    /// <summary>How often a datagram is sent again that the link had no room for, a millisecond later each.</summary>
    private const int BusyTries = 100;

    private readonly List<(UdpSocket Socket, IPv4Address Group)> _groups = [];

    // Replaced as a whole, so that whoever is told of a change can look at it without the lock.
    private volatile Held[] _held = [];
    private IpEndpoint _bound;
    private IpEndpoint? _peer;
    private int _next;
    private bool _isReceiveShut;
    private bool _isSendShut;
    private bool _mayBroadcast;
    private bool _isClosed;
    private SocketError _error;

    public DatagramSocket(SocketSystem system)
        : base(system)
    {
    }

    public override bool IsStream => false;

    public override IpEndpoint Local => _bound;

    public override IpEndpoint? Remote => _peer;

    public override TimeSpan? Linger { get; set; }

    public override int Available
    {
        get
        {
            foreach (Held held in _held)
            {
                if (held.Socket.NextLength is int length)
                {
                    return length;
                }
            }

            return 0;
        }
    }

    public override PollEvents Readiness
    {
        get
        {
            bool isReadable = _isReceiveShut || _error != SocketError.None;
            foreach (Held held in _held)
            {
                isReadable |= held.Socket.IsReadable;
            }

            return PollEvents.Out
                | (isReadable ? PollEvents.In : 0)
                | (_error != SocketError.None ? PollEvents.Error : 0);
        }
    }

    public override SocketError Bind(IpEndpoint local)
    {
        lock (Gate)
        {
            return _held.Length > 0 || _isClosed ? SocketError.InvalidArgument : BindHere(local);
        }
    }

    public override SocketError Connect(IpEndpoint remote)
    {
        lock (Gate)
        {
            IpEndpoint peer = PeerOf(remote);
            SocketSystem.Link? link = System.RouteTo(peer.IPv4);
            if (link is null)
            {
                return SocketError.NetworkUnreachable;
            }

            if (IsBroadcast(link, peer.IPv4) && !_mayBroadcast)
            {
                return SocketError.AccessDenied;
            }

            SocketError error = EnsureBound();
            if (error == SocketError.None)
            {
                _peer = peer;
                IPv4Address own = peer.IPv4.IsLoopback
                    ? IPv4Address.Loopback
                    : link.Stack.Configuration?.Address ?? IPv4Address.Any;
                _bound = new IpEndpoint(own, _bound.Port);
            }

            return error;
        }
    }

    public override SocketError Disconnect()
    {
        lock (Gate)
        {
            _peer = null;
            _isReceiveShut = true;
        }

        Changed();
        return SocketError.None;
    }

    public override SocketError Send(
        ReadOnlySpan<byte> data, IpEndpoint? destination, MessageFlags flags, out int count)
    {
        count = 0;
        UdpSocket? socket;
        IpEndpoint to;
        lock (Gate)
        {
            SocketError error = TakeErrorHere();
            error = error == SocketError.None && _isSendShut ? SocketError.Pipe : error;
            error = error == SocketError.None ? EnsureBound() : error;
            if (error != SocketError.None)
            {
                return error;
            }

            if ((destination ?? _peer) is not IpEndpoint named)
            {
                return SocketError.DestinationRequired;
            }

            to = PeerOf(named);
            if (data.Length > LargestDatagram)
            {
                return SocketError.MessageTooLong;
            }

            if (to.Port == 0)
            {
                return SocketError.InvalidArgument;
            }

            SocketSystem.Link? link = System.RouteTo(to.IPv4);
            socket = FindHeld(link);
            if (socket is null)
            {
                return SocketError.NetworkUnreachable;
            }

            if (IsBroadcast(link!, to.IPv4) && !_mayBroadcast)
            {
                return SocketError.AccessDenied;
            }
        }

        SendStatus status = socket.Send(to.IPv4, to.Port, data);
        for (int i = 0; status == SendStatus.Busy && i < BusyTries; i++)
        {
            // There is no event for it: a full queue empties within moments, or the link is in trouble.
            Thread.Sleep(1);
            status = socket.Send(to.IPv4, to.Port, data);
        }

        count = status is SendStatus.Sent or SendStatus.Queued ? data.Length : 0;
        return status switch
        {
            SendStatus.Sent or SendStatus.Queued => SocketError.None,
            SendStatus.NoAddress => SocketError.NetworkUnreachable,
            SendStatus.NoRoute => SocketError.HostUnreachable,
            SendStatus.TooLarge => SocketError.MessageTooLong,
            SendStatus.LinkDown => SocketError.NetworkDown,
            SendStatus.Closed => SocketError.Pipe,
            _ => SocketError.NoBuffers,
        };
    }

    public override SocketError Receive(Span<byte> buffer, MessageFlags flags, out ReceivedMessage message)
    {
        message = default;
        if ((flags & MessageFlags.OutOfBand) != 0)
        {
            return SocketError.InvalidArgument;
        }

        long start = Stopwatch.GetTimestamp();
        while (true)
        {
            long seen = Changes;
            lock (Gate)
            {
                SocketError error = _held.Length == 0 ? EnsureBound() : SocketError.None;
                if (error != SocketError.None || _isClosed)
                {
                    return _isClosed ? SocketError.BadDescriptor : error;
                }

                if (TryTake(buffer, (flags & MessageFlags.Peek) != 0, out message))
                {
                    return SocketError.None;
                }

                error = TakeErrorHere();
                if (error != SocketError.None || _isReceiveShut)
                {
                    return error;
                }
            }

            if (!IsBlocking || !WaitForChange(seen, start, ReceiveTimeout))
            {
                return SocketError.WouldBlock;
            }
        }
    }

    public override SocketError Shutdown(bool receive, bool send)
    {
        lock (Gate)
        {
            _isReceiveShut |= receive;
            _isSendShut |= send;
        }

        Changed();
        return _peer is null ? SocketError.NotConnected : SocketError.None;
    }

    public override SocketError TakeError()
    {
        lock (Gate)
        {
            return TakeErrorHere();
        }
    }

    public override SocketError GetOption(SocketOption option, out int value)
    {
        int? known = option switch
        {
            SocketOption.Broadcast => _mayBroadcast ? 1 : 0,
            SocketOption.ReceiveBuffer or SocketOption.SendBuffer => UdpSocket.BufferLength,
            SocketOption.ReuseAddress => 0,
            _ => null,
        };
        value = known ?? 0;
        return known is null ? SocketError.NoSuchOption : SocketError.None;
    }

    public override SocketError SetOption(SocketOption option, int value)
    {
        switch (option)
        {
            case SocketOption.Broadcast:
                _mayBroadcast = value != 0;
                return SocketError.None;

            case SocketOption.ReceiveBuffer or SocketOption.SendBuffer or SocketOption.ReuseAddress:
                // A hint: the buffer has one size.
                return SocketError.None;

            default:
                return SocketError.NoSuchOption;
        }
    }

    public override SocketError ChangeMembership(IPv4Address group, IPv4Address link, bool isMember)
    {
        lock (Gate)
        {
            SocketError error = EnsureBound();
            if (error != SocketError.None)
            {
                return error;
            }

            SocketSystem.Link? chosen = link.IsAny ? System.RouteTo(group) : System.OwnerOf(link);
            UdpSocket? socket = FindHeld(chosen);
            if (socket is null || !group.IsMulticast)
            {
                return chosen is null ? SocketError.AddressNotAvailable : SocketError.InvalidArgument;
            }

            if (!isMember)
            {
                if (!_groups.Remove((socket, group)))
                {
                    return SocketError.AddressNotAvailable;
                }

                socket.Leave(group);
                return SocketError.None;
            }

            if (_groups.Contains((socket, group)))
            {
                return SocketError.AddressInUse;
            }

            if (!socket.TryJoin(group))
            {
                return SocketError.NoBuffers;
            }

            _groups.Add((socket, group));
            return SocketError.None;
        }
    }

    internal override void AddLink(NetworkStack stack)
    {
        lock (Gate)
        {
            foreach (SocketSystem.Link link in System.Links)
            {
                if (link.Stack == stack && _held.Length > 0 && !_isClosed && (_bound.IsAnyAddress || _peer is not null))
                {
                    Hold(link, _bound, out _);
                }
            }
        }
    }

    private protected override void CloseCore()
    {
        lock (Gate)
        {
            _isClosed = true;
            ReleaseHeld();
        }
    }

    private static bool IsBroadcast(SocketSystem.Link link, IPv4Address address) =>
        address.IsBroadcast || (link.Stack.Configuration?.IsBroadcast(address) ?? false);

    private bool TryTake(Span<byte> buffer, bool isPeek, out ReceivedMessage message)
    {
        for (int i = 0; i < _held.Length; i++)
        {
            (SocketSystem.Link link, UdpSocket socket) = _held[_next % _held.Length];
            while (socket.TryTake(buffer, isPeek: true, out UdpDatagram datagram))
            {
                var source = new IpEndpoint(datagram.Source, datagram.SourcePort);
                bool isForUs = _peer is null || _peer == source;
                if (!isForUs || !isPeek)
                {
                    socket.TryTake([], isPeek: false, out _);
                }

                if (isForUs)
                {
                    int count = Math.Min(buffer.Length, datagram.Length);
                    message = new ReceivedMessage(
                        count, source, datagram.Destination, link.Number, datagram.Length > buffer.Length);
                    return true;
                }
            }

            NoteUnreachable(socket);

            // In turns, so that one busy link does not hide the others.
            _next++;
        }

        message = default;
        return false;
    }

    /// <summary>Only who has one peer learns that it cannot be reached, as elsewhere.</summary>
    private void NoteUnreachable(UdpSocket socket)
    {
        if (socket.TryTakeUnreachable(out UdpUnreachable report)
            && _peer == new IpEndpoint(report.Destination, report.DestinationPort))
        {
            const int PortUnreachable = 3;
            _error = report.Code == PortUnreachable ? SocketError.ConnectionRefused : SocketError.HostUnreachable;
        }
    }

    private SocketError TakeErrorHere()
    {
        foreach (Held held in _held)
        {
            NoteUnreachable(held.Socket);
        }

        SocketError error = _error;
        _error = SocketError.None;
        return error;
    }

    private SocketError EnsureBound() => _held.Length > 0 ? SocketError.None : BindHere(default);

    private SocketError BindHere(IpEndpoint local)
    {
        SocketError error = HoldPort(ref local);
        _bound = error == SocketError.None ? local : _bound;
        return error;
    }

    private protected override SocketError Hold(SocketSystem.Link link, IpEndpoint local, out ushort port)
    {
        UdpSocket? socket = link.Stack.OpenUdp(local.Port);
        port = socket?.LocalPort ?? 0;
        if (socket is null)
        {
            return SocketError.AddressInUse;
        }

        socket.OnChange(Changed);
        _held = [.. _held, new Held(link, socket)];
        return SocketError.None;
    }

    private protected override void ReleaseHeld()
    {
        _groups.Clear();
        Held[] all = _held;
        _held = [];
        Array.ForEach(all, held => held.Socket.Dispose());
    }

    private UdpSocket? FindHeld(SocketSystem.Link? link) => Array.Find(_held, held => held.Link == link)?.Socket;

    private sealed record Held(SocketSystem.Link Link, UdpSocket Socket);
}
