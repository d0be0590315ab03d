using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>The way out to the link: completes frames, sends and counts them.</summary>
internal sealed class EthernetPort
{
    private readonly EthernetLink _link;
    private readonly StackCounters _counters;
    private bool _hasTaken;

    public EthernetPort(EthernetLink link, StackCounters counters)
    {
        _link = link;
        _counters = counters;
        Address = link.Address;
        Mtu = link.Mtu;
    }

    public MacAddress Address { get; }

    /// <summary>How many bytes a frame carries after its header.</summary>
    public int Mtu { get; }

    /// <summary>Who sees the frames; null for nobody.</summary>
    public FrameObserver? Observer { get; set; }

    /// <summary>A buffer for the largest frame.</summary>
    public byte[] NewFrame() => new byte[EthernetHeader.Length + Mtu];

    /// <summary>Whether the link is up; counts a packet that is dropped because it is not.</summary>
    public bool IsUpForPacket()
    {
        if (_link.IsUp)
        {
            return true;
        }

        _counters.Drop(DropReason.LinkDown);
        return false;
    }

    /// <param name="frame">A buffer from <see cref="NewFrame"/>, with the payload already in place.</param>
    /// <param name="payloadLength">
    /// The size of the payload in bytes, at most <see cref="Mtu"/> unless the device cuts it.
    /// </param>
    /// <param name="destination">The station that it goes to.</param>
    /// <param name="type">What the payload is.</param>
    /// <param name="offload">What the device has to do.</param>
    public SendStatus Send(
        Span<byte> frame, int payloadLength, MacAddress destination, EtherType type, FrameOffload offload = default)
    {
        if (!IsUpForPacket())
        {
            return SendStatus.LinkDown;
        }

        new EthernetHeader(destination, Address, type).Write(frame);
        int length = EthernetHeader.Length + payloadLength;
        if (length < EthernetHeader.MinimumFrameLength)
        {
            // Zeros, so that no bytes of an earlier frame leak (RFC 894).
            frame[length..EthernetHeader.MinimumFrameLength].Clear();
            length = EthernetHeader.MinimumFrameLength;
        }

        bool isTaken = offload.IsNone
            ? _link.TrySend(frame[..length])
            : _link.TrySend(frame[..length], offload);
        if (!isTaken)
        {
            _counters.Drop(DropReason.LinkBusy);
            return SendStatus.Busy;
        }

        _hasTaken = true;
        _counters.Sent(length);
        Observer?.OnFrame(frame[..length], isSent: true);
        return SendStatus.Sent;
    }

    /// <summary>Ends a turn of the stack: the device is told of what was sent in it.</summary>
    public void Flush()
    {
        if (_hasTaken)
        {
            _hasTaken = false;
            _link.Flush();
        }
    }
}
