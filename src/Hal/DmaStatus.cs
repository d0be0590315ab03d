namespace VirtioGuest.Hal;

/// <summary>Whether a buffer could be made visible to a device.</summary>
public enum DmaStatus
{
    /// <summary>It was.</summary>
    Ok = 0,

    /// <summary>It has more contiguous runs than the map has room for.</summary>
    TooManySegments = 1,

    /// <summary>A part of it is not memory that the machine can find, or that the device can reach.</summary>
    Unreachable = 2,
}
