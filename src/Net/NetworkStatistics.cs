using System;
using System.Collections.Generic;

namespace VirtioGuest.Net;

/// <summary>What a stack has done since it was created; a snapshot that does not change.</summary>
public sealed class NetworkStatistics
{
    private readonly long[] _dropped;

    internal NetworkStatistics(ReadOnlySpan<long> dropped)
    {
        _dropped = dropped.ToArray();
    }

    /// <summary>How many frames arrived, the dropped ones included.</summary>
    public long FramesReceived { get; internal init; }

    /// <summary>How many bytes were in these frames.</summary>
    public long BytesReceived { get; internal init; }

    /// <summary>How many frames the device took.</summary>
    public long FramesSent { get; internal init; }

    /// <summary>How many bytes were in these frames.</summary>
    public long BytesSent { get; internal init; }

    /// <summary>How often another station claimed our IPv4 address (RFC 5227, 2.4).</summary>
    public long AddressConflicts { get; internal init; }

    /// <summary>How many received datagrams were put together from fragments.</summary>
    public long DatagramsReassembled { get; internal init; }

    /// <summary>How many packets were sent in fragments.</summary>
    public long PacketsFragmented { get; internal init; }

    /// <summary>How many TCP segments with data were sent, the repeated ones included.</summary>
    public long TcpSegmentsSent { get; internal init; }

    /// <summary>How many of them had been sent before.</summary>
    public long TcpSegmentsRepeated { get; internal init; }

    /// <summary>How many TCP connections there were when the snapshot was taken, closing ones included.</summary>
    public int TcpConnections { get; internal init; }

    /// <summary>How many neighbours' addresses were in the ARP table when the snapshot was taken.</summary>
    public int ArpEntries { get; internal init; }

    /// <summary>How many frames and packets were dropped for any reason.</summary>
    public long TotalDropped
    {
        get
        {
            long total = 0;
            foreach (long count in _dropped)
            {
                total += count;
            }

            return total;
        }
    }

    /// <summary>The reasons that have occurred, each with its count.</summary>
    public IEnumerable<KeyValuePair<DropReason, long>> Drops
    {
        get
        {
            for (int i = 0; i < _dropped.Length; i++)
            {
                if (_dropped[i] != 0)
                {
                    yield return new KeyValuePair<DropReason, long>((DropReason)i, _dropped[i]);
                }
            }
        }
    }

    /// <summary>How many frames or packets were dropped for one reason.</summary>
    public long Dropped(DropReason reason)
    {
        return (uint)reason < (uint)_dropped.Length ? _dropped[(int)reason] : 0;
    }
}

/// <summary>The counters behind <see cref="NetworkStatistics"/>.</summary>
internal sealed class StackCounters
{
    private readonly long[] _dropped = new long[DropReasonText.Count];
    private long _framesReceived;
    private long _bytesReceived;
    private long _framesSent;
    private long _bytesSent;
    private long _addressConflicts;
    private long _reassembled;
    private long _fragmented;
    private long _tcpSent;
    private long _tcpRepeated;

    public void Received(int length)
    {
        _framesReceived++;
        _bytesReceived += length;
    }

    public void Sent(int length)
    {
        _framesSent++;
        _bytesSent += length;
    }

    /// <summary>Counts a frame or packet that goes no further.</summary>
    public void Drop(DropReason reason) => _dropped[(int)reason]++;

    public void AddressConflict() => _addressConflicts++;

    public void Reassembled() => _reassembled++;

    public void Fragmented() => _fragmented++;

    public void TcpSent(bool isRepeated)
    {
        _tcpSent++;
        _tcpRepeated += isRepeated ? 1 : 0;
    }

    public NetworkStatistics Snapshot(int arpEntries, int tcpConnections) => new(_dropped)
    {
        FramesReceived = _framesReceived,
        BytesReceived = _bytesReceived,
        FramesSent = _framesSent,
        BytesSent = _bytesSent,
        AddressConflicts = _addressConflicts,
        DatagramsReassembled = _reassembled,
        PacketsFragmented = _fragmented,
        TcpSegmentsSent = _tcpSent,
        TcpSegmentsRepeated = _tcpRepeated,
        TcpConnections = tcpConnections,
        ArpEntries = arpEntries,
    };
}
