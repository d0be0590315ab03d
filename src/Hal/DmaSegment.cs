namespace VirtioGuest.Hal;

/// <summary>A run of memory that is contiguous for the device.</summary>
public struct DmaSegment
{
    /// <summary>The address that the device uses, in bytes.</summary>
    public ulong DeviceAddress;

    /// <summary>The number of bytes; never 0 in a segment that is handed to a device.</summary>
    public uint Length;

    /// <summary>Creates a segment.</summary>
    public DmaSegment(ulong deviceAddress, uint length)
    {
        DeviceAddress = deviceAddress;
        Length = length;
    }
}
