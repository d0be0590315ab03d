using System;

namespace VirtioGuest.Net.Tcp;

/// <summary>What TCP asks of the network below it, whatever addresses look like there.</summary>
internal abstract class TcpNetwork
{
    /// <summary>Where the next segment to send is built; its content is lost when anything is sent.</summary>
    public abstract Span<byte> Segment { get; }

    /// <summary>
    /// How many bytes of data one call of <see cref="Send"/> may carry; 0 where the device does not cut segments.
    /// </summary>
    public abstract int LargestChunk { get; }

    /// <summary>How many bytes a packet to a host carries after its IP header, as far as the first link goes.</summary>
    public abstract int PathSize(in IpEndpoint remote);

    /// <summary>Which of our addresses a host would be talked to from.</summary>
    /// <returns>Whether there is a way to it.</returns>
    public abstract bool TryGetLocal(in IpEndpoint remote, out IpEndpoint local);

    /// <summary>Whether an address is ours, or left open.</summary>
    public abstract bool IsLocal(in IpEndpoint local);

    /// <summary>Sends the first bytes of <see cref="Segment"/>, with the checksum still to be filled in.</summary>
    /// <param name="local">From where.</param>
    /// <param name="remote">To where.</param>
    /// <param name="length">The size of header and data in bytes.</param>
    /// <param name="headerLength">The size of the header in bytes.</param>
    /// <param name="segmentSize">How much of the data one segment may carry; the device cuts what is larger.</param>
    /// <param name="now">The time.</param>
    public abstract SendStatus Send(
        in IpEndpoint local, in IpEndpoint remote, int length, int headerLength, int segmentSize, TimeSpan now);
}
