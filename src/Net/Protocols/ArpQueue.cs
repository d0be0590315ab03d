using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>Packets that wait, in order, until their next hop is resolved (RFC 1122, 2.3.2.2).</summary>
internal sealed class ArpQueue
{
    /// <summary>How many packets may wait.</summary>
    public const int Capacity = 16;

    /// <summary>How many of them may wait for the same next hop, so that a dead one does not fill the queue.</summary>
    public const int CapacityPerHop = 4;

    private readonly EthernetPort _port;
    private readonly IPv4Output _output;
    private readonly StackCounters _counters;
    private readonly Slot[] _slots = new Slot[Capacity];

    // One packet that will be sent in fragments may wait, too. It waits whole.
    private readonly byte[] _large = IPv4Output.NewFrame();
    private bool _isLargeInUse;
    private int _count;

    public ArpQueue(EthernetPort port, IPv4Output output, StackCounters counters)
    {
        _port = port;
        _output = output;
        _counters = counters;
    }

    /// <summary>Takes a copy of a packet.</summary>
    /// <param name="nextHop">The host that it waits for.</param>
    /// <param name="frame">A frame with the packet behind its header.</param>
    /// <param name="packetLength">The packet's size in bytes.</param>
    /// <param name="offload">What the device has to do with it.</param>
    /// <returns>Whether there was room.</returns>
    public bool TryAdd(IPv4Address nextHop, ReadOnlySpan<byte> frame, int packetLength, in FrameOffload offload)
    {
        int waiting = 0;
        for (int i = 0; i < _count; i++)
        {
            waiting += _slots[i].NextHop == nextHop ? 1 : 0;
        }

        int length = EthernetHeader.Length + packetLength;
        bool isLarge = packetLength > _port.Mtu;
        if (_count == Capacity || waiting == CapacityPerHop || (isLarge && _isLargeInUse))
        {
            _counters.Drop(DropReason.ArpQueueFull);
            return false;
        }

        ref Slot slot = ref _slots[_count++];
        slot.Small ??= _port.NewFrame();
        slot.NextHop = nextHop;
        slot.PacketLength = packetLength;
        slot.IsLarge = isLarge;
        slot.Offload = offload;
        _isLargeInUse |= isLarge;
        frame[..length].CopyTo(isLarge ? _large : slot.Small);
        return true;
    }

    public void Send(IPv4Address nextHop, MacAddress hardware) => Take(nextHop, hardware);

    public void Drop(IPv4Address nextHop) => Take(nextHop, null);

    public void Clear()
    {
        while (_count > 0)
        {
            Drop(_slots[0].NextHop);
        }
    }

    /// <summary>Sends all packets that wait for one next hop, or drops them where there is no address.</summary>
    private void Take(IPv4Address nextHop, MacAddress? hardware)
    {
        int kept = 0;
        for (int i = 0; i < _count; i++)
        {
            Slot slot = _slots[i];
            if (slot.NextHop != nextHop)
            {
                // Swapping keeps every slot's buffer, and the order of those that stay.
                _slots[i] = _slots[kept];
                _slots[kept++] = slot;
                continue;
            }

            _isLargeInUse &= !slot.IsLarge;
            if (hardware is null)
            {
                _counters.Drop(DropReason.ArpUnanswered);
            }
            else
            {
                _output.Send(slot.IsLarge ? _large : slot.Small, slot.PacketLength, hardware.Value, slot.Offload);
            }
        }

        _count = kept;
    }

    private struct Slot
    {
        public byte[]? Small;
        public IPv4Address NextHop;
        public int PacketLength;
        public bool IsLarge;
        public FrameOffload Offload;
    }
}
