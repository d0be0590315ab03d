using System;

namespace VirtioGuest.Net.Protocols;

/// <summary>What is counted while frames go in and out.</summary>
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

    /// <summary>Counts a frame that arrived.</summary>
    public void Received(int length)
    {
        _framesReceived++;
        _bytesReceived += length;
    }

    /// <summary>Counts a frame that the device took.</summary>
    public void Sent(int length)
    {
        _framesSent++;
        _bytesSent += length;
    }

    /// <summary>Counts a frame or packet that goes no further.</summary>
    public void Drop(DropReason reason) => _dropped[(int)reason]++;

    /// <summary>Counts another station's claim to our address.</summary>
    public void AddressConflict() => _addressConflicts++;

    /// <summary>Counts a received datagram that was put together from fragments.</summary>
    public void Reassembled() => _reassembled++;

    /// <summary>Counts a packet that was sent in fragments.</summary>
    public void Fragmented() => _fragmented++;

    /// <summary>Copies everything.</summary>
    public NetworkStatistics Snapshot(int arpEntries) => new(_dropped)
    {
        FramesReceived = _framesReceived,
        BytesReceived = _bytesReceived,
        FramesSent = _framesSent,
        BytesSent = _bytesSent,
        AddressConflicts = _addressConflicts,
        DatagramsReassembled = _reassembled,
        PacketsFragmented = _fragmented,
        ArpEntries = arpEntries,
    };
}
