namespace VirtioGuest.Net;

/// <summary>Where a received UDP datagram came from, and how much of it there is.</summary>
public readonly struct UdpDatagram
{
    internal UdpDatagram(IPv4Address source, ushort sourcePort, int length)
    {
        Source = source;
        SourcePort = sourcePort;
        Length = length;
    }

    /// <summary>The sender.</summary>
    public IPv4Address Source { get; }

    /// <summary>The sender's port; 0 where it expects no answer.</summary>
    public ushort SourcePort { get; }

    /// <summary>
    /// How many bytes the datagram carried. More than the caller's buffer holds means that the rest was cut off.
    /// </summary>
    public int Length { get; }
}
