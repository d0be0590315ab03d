using VirtioGuest.Hal;

namespace VirtioGuest.Volumes;

/// <summary>A disk as far as this project needs it: sectors of 512 bytes that can be read.</summary>
public abstract class ReadableDisk
{
    /// <summary>Bytes in a sector, whatever the device's block size (virtio 1.4, 5.2.4).</summary>
    public const int SectorSize = 512;

    /// <summary>How many sectors it has: 0 to 2^55 - 1. May change.</summary>
    public abstract ulong SectorCount { get; }

    /// <summary>
    /// Bytes in a block of the disk: a power of two, at least a sector. A device may fail requests that are not for
    /// whole blocks, but need not.
    /// </summary>
    public virtual uint BlockSize => SectorSize;

    /// <summary>Reads sectors.</summary>
    /// <param name="firstSector">The first.</param>
    /// <param name="destination">
    /// Room for them, a multiple of 512 bytes. Undefined content where the result is a failure.
    /// </param>
    /// <returns>Null, or why it failed.</returns>
    public abstract Failure? Read(ulong firstSector, byte[] destination);
}
