using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tcp;

/// <summary>
/// How large segments may be: what the peer takes, and what the path carries, by what ICMP claims and with the doubt
/// that such a claim deserves (RFC 9293, 3.7.1; RFC 1191; RFC 5927, 7.2).
/// </summary>
internal sealed class TcpPath
{
    /// <summary>What a peer takes that does not say (RFC 9293, 3.7.1).</summary>
    public const int DefaultSegmentSize = 536;

    /// <summary>
    /// The smallest segment on a larger link: that of a path with an MTU of 256. No claim of ICMP makes us send smaller
    /// ones.
    /// </summary>
    public const int SmallestClaim = 216;

    /// <summary>
    /// The smallest segment of all: that of a link with an MTU of 68. No peer may ask for smaller ones, which would not
    /// be worth their headers.
    /// </summary>
    public const int SmallestSegmentSize = 28;

    /// <summary>How many timeouts in a row make a path suspect that never reports (RFC 2923, 2.1).</summary>
    private const int SuspiciousTimeouts = 3;

    private int _segmentSize;
    private int _optionsLength;
    private int _largestAcknowledged;
    private int _claimed;
    private long _claimedSequence;

    /// <param name="pathSize">The bytes that a packet on the first link carries after its IP header.</param>
    public TcpPath(int pathSize)
    {
        OwnSegmentSize = Math.Clamp(pathSize - TcpHeader.MinimumLength, SmallestSegmentSize, ushort.MaxValue);
        _segmentSize = OwnSegmentSize;
    }

    /// <summary>The MSS option that we send: what the first link can bring.</summary>
    public int OwnSegmentSize { get; }

    /// <summary>How much data a segment carries that has no other options than every segment has.</summary>
    public int DataSize => _segmentSize - _optionsLength;

    /// <summary>Takes the peer's MSS option, 0 for none, and the size of the options that every segment has.</summary>
    public void Begin(int peerSegmentSize, int optionsLength)
    {
        int size = peerSegmentSize == 0 ? DefaultSegmentSize : Math.Max(peerSegmentSize, SmallestSegmentSize);
        _segmentSize = Math.Min(OwnSegmentSize, size);
        _optionsLength = optionsLength;
    }

    /// <summary>Something was acknowledged: a segment of at least this much data got through.</summary>
    public void OnAcknowledged(long acknowledged, int largest)
    {
        _largestAcknowledged = Math.Max(_largestAcknowledged, Math.Min(largest, DataSize) + _optionsLength);
        if (_claimed != 0 && acknowledged > _claimedSequence)
        {
            _claimed = 0;
        }
    }

    /// <summary>An ICMP error says that a packet was too large.</summary>
    /// <param name="sequence">The sequence number that it quotes, which is in flight.</param>
    /// <param name="size">What it says the path carries after the IP header; 0 where it does not say.</param>
    /// <returns>Whether <see cref="DataSize"/> is smaller now.</returns>
    public bool OnTooLarge(long sequence, int size)
    {
        int claimed = Math.Max(size == 0 ? DefaultSegmentSize : size - TcpHeader.MinimumLength, SmallestClaim);
        if (claimed >= _segmentSize)
        {
            return false;
        }

        if (claimed >= _largestAcknowledged)
        {
            _segmentSize = claimed;
            _claimed = 0;
            return true;
        }

        _claimed = claimed;
        _claimedSequence = sequence;
        return false;
    }

    /// <summary>The timer expired: a claim that is still open has been confirmed.</summary>
    /// <param name="timeouts">How many times in a row it has.</param>
    /// <returns>Whether <see cref="DataSize"/> is smaller now.</returns>
    public bool OnTimeout(int timeouts)
    {
        int size = _claimed;
        _claimed = 0;
        if (size == 0 && timeouts >= SuspiciousTimeouts)
        {
            // Perhaps a router drops large packets and says nothing.
            size = DefaultSegmentSize;
        }

        if (size == 0 || size >= _segmentSize)
        {
            return false;
        }

        _segmentSize = size;
        return true;
    }
}
