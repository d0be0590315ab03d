using System;

namespace VirtioGuest.Net;

/// <summary>
/// What a network device gives to the stack: a way to send Ethernet frames. Received frames go the other way, to
/// <see cref="NetworkStack.OnFrame"/>.
/// </summary>
public abstract class EthernetLink
{
    /// <summary>The device's own address: unicast, and always the same.</summary>
    public abstract MacAddress Address { get; }

    /// <summary>
    /// How many bytes a frame may carry after its 14-byte header: always the same, from
    /// <see cref="NetworkStack.MinimumMtu"/> to <see cref="NetworkStack.MaximumMtu"/>.
    /// </summary>
    public abstract int Mtu { get; }

    /// <summary>Whether the link is up at the moment.</summary>
    public abstract bool IsUp { get; }

    /// <summary>What the device can do for the stack: always the same.</summary>
    public virtual LinkOffloads Offloads => LinkOffloads.None;

    /// <summary>Takes a copy of one frame, to send it at once or when <see cref="Flush"/> comes.</summary>
    /// <param name="frame">
    /// Header and data, at least 60 bytes, without the frame check sequence. Not to be kept after the return.
    /// </param>
    /// <returns>Whether the frame was taken; false where there is no room at the moment.</returns>
    /// <remarks>
    /// Called on any thread with the stack's lock held: must not throw, wait for received frames, or call
    /// <see cref="NetworkStack.OnFrame"/>.
    /// </remarks>
    public abstract bool TrySend(ReadOnlySpan<byte> frame);

    /// <summary>
    /// Sends a frame that the device completes; as <see cref="TrySend(ReadOnlySpan{byte})"/> otherwise.
    /// </summary>
    /// <param name="frame">
    /// Header and data; with <see cref="FrameOffload.SegmentSize"/> more than the MTU allows.
    /// </param>
    /// <param name="offload">What the device has to do, of what <see cref="Offloads"/> promises.</param>
    public virtual bool TrySend(ReadOnlySpan<byte> frame, in FrameOffload offload) =>
        throw new NotSupportedException("The link promises no offloads.");

    /// <summary>
    /// Has the device send what was taken so far: comes once behind any number of frames, so that a device that has to
    /// be told is told once.
    /// </summary>
    /// <remarks>Called as <see cref="TrySend(ReadOnlySpan{byte})"/> is.</remarks>
    public virtual void Flush()
    {
    }

    /// <summary>
    /// Says which stations of groups the stack takes frames for, so that a device that filters lets them through.
    /// </summary>
    /// <param name="stations">All of them, each once.</param>
    /// <remarks>Called with the stack's lock held, as <see cref="TrySend(ReadOnlySpan{byte})"/> is: must not wait.
    /// </remarks>
    public virtual void SetGroups(ReadOnlySpan<MacAddress> stations)
    {
    }
}

/// <summary>What a device knows of the checksum of a TCP segment or a UDP datagram that it has received.</summary>
public enum FrameChecksum
{
    /// <summary>Nothing.</summary>
    Unknown = 0,

    /// <summary>It is correct.</summary>
    Valid = 1,

    /// <summary>
    /// The sender left it to a device that had no need to complete it: the frame holds the sum of the pseudo-header,
    /// and counts as correct.
    /// </summary>
    Partial = 2,
}

/// <summary>What a link's device can do for the stack.</summary>
[Flags]
public enum LinkOffloads
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>It completes the checksums of TCP segments (VIRTIO_NET_F_CSUM; virtio 1.4, 5.1.3).</summary>
    Checksum = 1,

    /// <summary>It cuts large TCP segments into smaller ones (VIRTIO_NET_F_HOST_TSO4); needs the other.</summary>
    TcpSegmentation = 2,
}

/// <summary>What a device has to do with a frame before it leaves (struct virtio_net_hdr; virtio 1.4, 5.1.9).</summary>
/// <param name="ChecksumStart">Where the bytes begin that the checksum covers; 0 where there is nothing to do.</param>
/// <param name="ChecksumOffset">
/// Where from there the checksum belongs. The sum of the pseudo-header is there already.
/// </param>
/// <param name="HeaderLength">Where the data begins that is cut.</param>
/// <param name="SegmentSize">How much data each segment carries; 0 where nothing is to be cut.</param>
public readonly record struct FrameOffload(int ChecksumStart, int ChecksumOffset, int HeaderLength, int SegmentSize)
{
    /// <summary>Whether there is nothing to do.</summary>
    public bool IsNone => ChecksumStart == 0;
}
