namespace VirtioGuest.Drivers.Virtio.Net;

/// <summary>What a network device's driver counts through all of the device's lives.</summary>
internal sealed class NetCounters
{
    /// <summary>How many frames were received.</summary>
    internal ulong FramesReceived { get; set; }

    /// <summary>How many bytes those had.</summary>
    internal ulong BytesReceived { get; set; }

    /// <summary>How often the device used a buffer without a whole header and Ethernet header in it.</summary>
    internal ulong TooShort { get; set; }

    /// <summary>How many frames were sent.</summary>
    internal ulong FramesSent { get; set; }

    /// <summary>How many bytes those had.</summary>
    internal ulong BytesSent { get; set; }

    /// <summary>How often no buffer was free.</summary>
    internal ulong Full { get; set; }
}
