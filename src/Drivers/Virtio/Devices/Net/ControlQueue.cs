using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// The control queue: a command at a time, which is waited for (virtio 1.4, 5.1.9.5). A command is what the device
/// reads, class and command first; the answer is one byte.
/// </summary>
internal sealed class ControlQueue
{
    /// <summary>The most bytes that a command has, class and command included.</summary>
    internal const int MaximumLength = 1024;

    /// <summary>How long a device may take to answer, in nanoseconds.</summary>
    internal const ulong LongestWait = 1_000_000_000;

    /// <summary>Answers do not share cache lines with commands.</summary>
    private const uint LineSize = 64;

    private const uint AnswerOffset = MaximumLength;
    private const uint AnswerLength = 1;
    private const int HeadLength = 2;
    private const byte Done = 0;

    /// <summary>What no device answers: there is no answer.</summary>
    private const byte NoAnswer = 0xFF;

    private readonly Virtqueue _queue;
    private readonly DmaMemory _memory;
    private readonly MonotonicClock _clock;
    private readonly NetCounters _counters;
    private readonly DmaSegment[] _segments = new DmaSegment[2];
    private uint _length;

    private ControlQueue(Virtqueue queue, DmaMemory memory, MonotonicClock clock, NetCounters counters)
    {
        _queue = queue;
        _memory = memory;
        _clock = clock;
        _counters = counters;
        _segments[1] = memory.Segment(AnswerOffset, AnswerLength);
        queue.DisableInterrupts();
    }

    /// <summary>The queue.</summary>
    internal Virtqueue Queue => _queue;

    /// <summary>Creates it, or returns null where no memory is left.</summary>
    internal static ControlQueue? TryCreate(Virtqueue queue, DmaTag dma, MonotonicClock clock, NetCounters counters)
    {
        DmaMemory? memory = dma.Allocate(MaximumLength + LineSize, LineSize);
        return memory == null ? null : new ControlQueue(queue, memory, clock, counters);
    }

    /// <summary>Has the device carry out a command, and waits for its answer.</summary>
    /// <param name="command">Class and command.</param>
    /// <param name="data">What goes with it.</param>
    internal ControlStatus Execute(ControlCommand command, ReadOnlySpan<byte> data)
    {
        if (data.Length > MaximumLength - HeadLength)
        {
            return ControlStatus.Invalid;
        }

        _counters.Commands++;
        _length = HeadLength + (uint)data.Length;
        _memory.Store8(0, (byte)((int)command >> 8));
        _memory.Store8(1, (byte)command);
        data.CopyTo(_memory.Bytes(HeadLength, (uint)data.Length));
        _memory.Store8(AnswerOffset, NoAnswer);
        _memory.Sync(0, _length, DmaSync.PreWrite, NetSites.CommandToDevice);
        _memory.Sync(AnswerOffset, AnswerLength, DmaSync.PreWrite | DmaSync.PreRead, NetSites.AnswerToDevice);
        _segments[0] = _memory.Segment(0, _length);
        ReadOnlySpan<DmaSegment> readable = new ReadOnlySpan<DmaSegment>(_segments, 0, 1);
        if (_queue.TryAdd(readable, new ReadOnlySpan<DmaSegment>(_segments, 1, 1), 0) != AddStatus.Ok)
        {
            // A queue of one descriptor has no room for a command and its answer, and so no commands.
            TakeLeftBack();
            return ControlStatus.NotOffered;
        }

        _queue.NotifyIfDue();
        return Wait();
    }

    /// <summary>Gives the memory back, or takes it out of use for good.</summary>
    internal void ReleaseMemory(bool quarantine)
    {
        if (quarantine)
        {
            _memory.Quarantine();
            return;
        }

        if (_length != 0)
        {
            TakeLeftBack();
        }

        _memory.Free();
    }

    private ControlStatus Wait()
    {
        Deadline deadline = new Deadline(_clock, LongestWait);
        while (!_queue.TryGetUsed(out _, out _))
        {
            if (_queue.Fault != QueueFault.None)
            {
                return ControlStatus.NotRunning;
            }

            if (!deadline.TryWait())
            {
                _counters.CommandsUnanswered++;
                return ControlStatus.Unanswered;
            }
        }

        _memory.Sync(0, _length, DmaSync.PostWrite, NetSites.CommandFromDevice);
        _memory.Sync(AnswerOffset, AnswerLength, DmaSync.PostRead | DmaSync.PostWrite, NetSites.AnswerFromDevice);
        _length = 0;
        if (_memory.Load8(AnswerOffset) == Done)
        {
            return ControlStatus.Ok;
        }

        // An error, or nothing that a device may answer.
        _counters.CommandsRefused++;
        return ControlStatus.Refused;
    }

    private void TakeLeftBack()
    {
        _memory.Sync(0, _length, DmaSync.PostWrite, NetSites.LeftCommandFromDevice);
        _memory.Sync(AnswerOffset, AnswerLength, DmaSync.PostRead | DmaSync.PostWrite, NetSites.LeftAnswerFromDevice);
        _length = 0;
    }
}

/// <summary>Class and command, in this order (virtio 1.4, 5.1.9.5).</summary>
internal enum ControlCommand
{
    /// <summary>CTRL_RX, from PROMISC on.</summary>
    ReceiveMode = 0x0000,

    /// <summary>CTRL_MAC_TABLE_SET.</summary>
    MacTable = 0x0100,

    /// <summary>CTRL_MAC_ADDR_SET.</summary>
    MacAddress = 0x0101,

    /// <summary>CTRL_VLAN_ADD.</summary>
    VlanAdd = 0x0200,

    /// <summary>CTRL_VLAN_DEL.</summary>
    VlanDelete = 0x0201,

    /// <summary>CTRL_ANNOUNCE_ACK.</summary>
    AnnounceAcknowledge = 0x0300,

    /// <summary>CTRL_MQ_VQ_PAIRS_SET.</summary>
    QueuePairs = 0x0400,

    /// <summary>CTRL_MQ_RSS_CONFIG.</summary>
    RssConfiguration = 0x0401,

    /// <summary>CTRL_MQ_HASH_CONFIG.</summary>
    HashConfiguration = 0x0402,

    /// <summary>CTRL_GUEST_OFFLOADS_SET.</summary>
    GuestOffloads = 0x0500,

    /// <summary>CTRL_NOTF_COAL_TX_SET.</summary>
    CoalesceTransmit = 0x0600,

    /// <summary>CTRL_NOTF_COAL_RX_SET.</summary>
    CoalesceReceive = 0x0601,

    /// <summary>CTRL_NOTF_COAL_VQ_SET.</summary>
    CoalesceQueue = 0x0602,

    /// <summary>CTRL_HASH_TUNNEL_SET.</summary>
    HashTunnel = 0x0700,
}

/// <summary>What became of a command.</summary>
public enum ControlStatus
{
    /// <summary>The device has done it.</summary>
    Ok = 0,

    /// <summary>The device does not do it, or its answer makes no sense.</summary>
    Refused = 1,

    /// <summary>What it needs was not negotiated.</summary>
    NotOffered = 2,

    /// <summary>The device is not running, or its control queue is broken.</summary>
    NotRunning = 3,

    /// <summary>The device did not answer in time. It needs a reset.</summary>
    Unanswered = 4,

    /// <summary>There is no such thing to ask for.</summary>
    Invalid = 5,
}
