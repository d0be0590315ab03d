namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>Memory of the device that the driver maps (virtio 1.4, 2.10).</summary>
public readonly struct SharedMemoryRegion
{
    /// <summary>Describes a region.</summary>
    public SharedMemoryRegion(byte id, ulong address, ulong length)
    {
        Id = id;
        Address = address;
        Length = length;
    }

    /// <summary>Which of the device's regions it is; what it is for is the device type's to say.</summary>
    public byte Id { get; }

    /// <summary>Where it begins on the bus.</summary>
    public ulong Address { get; }

    /// <summary>How many bytes it has, at least 1; the last one is within the 64-bit addresses.</summary>
    public ulong Length { get; }
}
