using System;
using System.Collections.Generic;
using System.Threading;

namespace VirtioGuest.Net.Protocols;

/// <summary>An open UDP port and the datagrams that have arrived for it.</summary>
internal sealed class UdpQueue
{
    /// <summary>How many datagrams are kept; more are dropped.</summary>
    public const int Capacity = 64;

    /// <summary>How many bytes they may have in all: two datagrams of the largest size.</summary>
    public const int ByteCapacity = 128 * 1024;

    private readonly UdpPorts _ports;

    // Datagrams lie one after the other in a ring of bytes, so that receiving allocates nothing.
    private readonly UdpDatagram[] _datagrams = new UdpDatagram[Capacity];
    private byte[] _bytes = [];
    private int _first;
    private int _count;
    private int _firstByte;
    private int _byteCount;
    private UdpUnreachable? _unreachable;
    private bool _isUnreachableNew;

    public UdpQueue(UdpPorts ports, ushort port)
    {
        _ports = ports;
        Port = port;
    }

    public ushort Port { get; }

    public bool IsOpen { get; private set; } = true;

    /// <summary>The groups that were joined for it.</summary>
    public List<IPv4Address> Groups { get; } = [];

    /// <summary>Released when a datagram has arrived or the port was closed.</summary>
    public SemaphoreSlim Signal { get; } = new(0);

    /// <summary>Who is told, without the stack's lock, that there is something to take.</summary>
    public Action? Changed { get; set; }

    /// <summary>Whether a change was noted that nobody was told of yet; kept by <see cref="UdpPorts"/>.</summary>
    public bool IsRaised { get; set; }

    /// <summary>How many bytes the next datagram has; null where there is none.</summary>
    public int? NextLength => _count == 0 ? null : _datagrams[_first].Length;

    /// <summary>Whether there is something to take: a datagram or a report.</summary>
    public bool HasSomething => _count > 0 || _unreachable is not null;

    /// <summary>Keeps a copy of a datagram.</summary>
    /// <returns>Whether there was room.</returns>
    public bool TryAdd(IPv4Address source, ushort sourcePort, IPv4Address destination, ReadOnlySpan<byte> data)
    {
        if (_count == Capacity || data.Length > ByteCapacity - _byteCount)
        {
            return false;
        }

        if (_bytes.Length == 0)
        {
            // Not before it is needed: most ports never receive anything.
            _bytes = new byte[ByteCapacity];
        }

        _datagrams[(_first + _count++) % Capacity] = new UdpDatagram(source, sourcePort, destination, data.Length);
        int start = (_firstByte + _byteCount) % ByteCapacity;
        int untilEnd = Math.Min(data.Length, ByteCapacity - start);
        data[..untilEnd].CopyTo(_bytes.AsSpan(start));
        data[untilEnd..].CopyTo(_bytes);
        _byteCount += data.Length;
        Wake();
        return true;
    }

    /// <summary>Takes the oldest datagram, cut to the size of the caller's buffer.</summary>
    /// <param name="buffer">Receives it.</param>
    /// <param name="isPeek">Whether it stays.</param>
    /// <param name="datagram">What is known about it.</param>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(Span<byte> buffer, bool isPeek, out UdpDatagram datagram)
    {
        if (_count == 0)
        {
            datagram = default;
            return false;
        }

        datagram = _datagrams[_first];
        int length = Math.Min(datagram.Length, buffer.Length);
        int untilEnd = Math.Min(length, ByteCapacity - _firstByte);
        _bytes.AsSpan(_firstByte, untilEnd).CopyTo(buffer);
        _bytes.AsSpan(0, length - untilEnd).CopyTo(buffer[untilEnd..]);
        if (isPeek)
        {
            return true;
        }

        _first = (_first + 1) % Capacity;
        _count--;
        _firstByte = (_firstByte + datagram.Length) % ByteCapacity;
        _byteCount -= datagram.Length;
        return true;
    }

    /// <summary>Keeps an error until it is asked for; a later one takes its place.</summary>
    public void OnUnreachable(in UdpUnreachable error)
    {
        _unreachable = error;
        _isUnreachableNew = true;
        Wake();
    }

    public bool TryTakeUnreachable(out UdpUnreachable error)
    {
        error = _unreachable.GetValueOrDefault();
        bool isThere = _unreachable is not null;
        _unreachable = null;
        _isUnreachableNew = false;
        return isThere;
    }

    /// <summary>Whether an error has come since this was asked last: it ends one wait.</summary>
    public bool TellUnreachable()
    {
        bool isNew = _isUnreachableNew;
        _isUnreachableNew = false;
        return isNew;
    }

    /// <summary>Closes the port and wakes whoever waits for it.</summary>
    public void Close()
    {
        IsOpen = false;
        _count = 0;
        _byteCount = 0;
        Wake();
    }

    /// <summary>Wakes another waiter, if there is still something for it.</summary>
    public void WakeNext()
    {
        if (_count > 0 || !IsOpen)
        {
            Wake();
        }
    }

    private void Wake()
    {
        if (Signal.CurrentCount == 0)
        {
            Signal.Release();
        }

        if (Changed is not null)
        {
            _ports.Raise(this);
        }
    }
}
