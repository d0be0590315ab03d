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

    /// <summary>A segment would start at an address that the device does not take.</summary>
    Misaligned = 3,

    /// <summary>
    /// It has to be copied, and the memory for that is in use: it can be loaded once others are unloaded.
    /// </summary>
    NoBounceMemory = 4,
}
