using System;
using System.Threading;

namespace VirtioGuest.Net.Protocols;

/// <summary>An open UDP port and the datagrams that have arrived for it.</summary>
internal sealed class UdpQueue
{
    /// <summary>How many datagrams are kept; later ones are dropped.</summary>
    public const int Capacity = 16;

    private readonly Slot[] _slots = new Slot[Capacity];
    private int _first;
    private int _count;

    /// <summary>Creates an empty queue with room for all its datagrams, so that receiving allocates nothing.</summary>
    public UdpQueue(ushort port, int largestDatagram)
    {
        Port = port;
        foreach (ref Slot slot in _slots.AsSpan())
        {
            slot.Data = new byte[largestDatagram];
        }
    }

    /// <summary>The port.</summary>
    public ushort Port { get; }

    /// <summary>Whether the port is still open.</summary>
    public bool IsOpen { get; private set; } = true;

    /// <summary>Released when there is something new to look at.</summary>
    public SemaphoreSlim Signal { get; } = new(0);

    /// <summary>Keeps a copy of a datagram.</summary>
    /// <returns>Whether there was room.</returns>
    public bool TryAdd(IPv4Address source, ushort sourcePort, ReadOnlySpan<byte> data)
    {
        if (_count == Capacity || data.Length > _slots[0].Data.Length)
        {
            return false;
        }

        ref Slot slot = ref _slots[(_first + _count++) % Capacity];
        slot.Datagram = new UdpDatagram(source, sourcePort, data.Length);
        data.CopyTo(slot.Data);
        Wake();
        return true;
    }

    /// <summary>Takes the oldest datagram, cut to the size of the caller's buffer.</summary>
    /// <returns>Whether there was one.</returns>
    public bool TryTake(Span<byte> buffer, out UdpDatagram datagram)
    {
        if (_count == 0)
        {
            datagram = default;
            return false;
        }

        ref Slot slot = ref _slots[_first];
        datagram = slot.Datagram;
        slot.Data.AsSpan(0, Math.Min(datagram.Length, buffer.Length)).CopyTo(buffer);
        _first = (_first + 1) % Capacity;
        _count--;
        return true;
    }

    /// <summary>Closes the port and wakes whoever waits for it.</summary>
    public void Close()
    {
        IsOpen = false;
        _count = 0;
        Wake();
    }

    /// <summary>Passes a wake-up on, where there is still something for another waiter.</summary>
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
    }

    private struct Slot
    {
        public byte[] Data;
        public UdpDatagram Datagram;
    }
}
