namespace VirtioGuest.Labs;

/// <summary>Lab 1: finds a virtio device on the PCI bus.</summary>
public abstract class DeviceFinder
{
    /// <summary>Finds the first device of a type that has the modern interface.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="deviceType">The virtio device ID (virtio 1.4, 5): 1 network, 2 block, 4 entropy.</param>
    /// <returns>Its number on bus 0, or null where there is none.</returns>
    public abstract byte? Find(LabMachine machine, ushort deviceType);

    /// <summary>Switches a device's registers and its access to memory on, and maps its structures.</summary>
    /// <returns>The device, or null where it lacks a structure that every device has.</returns>
    public abstract VirtioFunction? Open(LabMachine machine, byte device);
}

/// <summary>Lab 2: agrees with a device on features.</summary>
public abstract class Negotiator
{
    /// <summary>Does steps 1 to 6 of virtio 1.4, 3.1.1.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="common">The common configuration structure.</param>
    /// <param name="understood">The features that the driver can handle.</param>
    /// <returns>What was agreed on, or null where the device does not work so; then FAILED is set.</returns>
    public abstract ulong? Negotiate(LabMachine machine, RegisterRegion common, ulong understood);

    /// <summary>Does step 8: from here on the device is live.</summary>
    public abstract void GoLive(LabMachine machine, RegisterRegion common);
}

/// <summary>Lab 3: reads random bytes, one buffer at a time.</summary>
public abstract class RandomSource
{
    /// <summary>Sets queue 0 up and makes the device live.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="device">An entropy device, with FEATURES_OK set and no feature but VERSION_1.</param>
    public abstract void Start(LabMachine machine, VirtioFunction device);

    /// <summary>Asks the device once and waits for its answer.</summary>
    /// <param name="count">How many bytes to ask for, 1 to 256.</param>
    /// <returns>The bytes that the device gave: 1 to <paramref name="count"/>.</returns>
    public abstract byte[] Read(int count);
}

/// <summary>Lab 4: reads sectors of a disk.</summary>
public abstract class SectorReader
{
    /// <summary>Sets queue 0 up and makes the device live.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="device">A block device, with FEATURES_OK set and no feature but VERSION_1.</param>
    public abstract void Start(LabMachine machine, VirtioFunction device);

    /// <summary>How many sectors of 512 bytes the disk has (virtio 1.4, 5.2.4).</summary>
    public abstract ulong ReadCapacity();

    /// <summary>Reads a sector.</summary>
    /// <returns>Its 512 bytes, or null where the device says that it could not be read.</returns>
    public abstract byte[]? ReadSector(ulong sector);
}

/// <summary>Lab 5: many requests at once.</summary>
public abstract class RequestQueue
{
    /// <summary>Sets queue 0 up with a given size and makes the device live.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="device">A block device, with FEATURES_OK set and no feature but VERSION_1.</param>
    /// <param name="size">The size of the queue, a power of two.</param>
    public abstract void Start(LabMachine machine, VirtioFunction device, ushort size);

    /// <summary>Starts to read a sector. Returns at once.</summary>
    /// <param name="sector">Which.</param>
    /// <param name="token">A number of the caller's, which comes back with the answer.</param>
    /// <returns>False where the queue has no room for it now.</returns>
    public abstract bool TrySubmit(ulong sector, int token);

    /// <summary>Looks for an answer. Returns at once.</summary>
    /// <param name="token">The number that the request was given.</param>
    /// <param name="data">The 512 bytes, or null where the device says that they could not be read.</param>
    /// <returns>False where there is no answer now.</returns>
    public abstract bool TryComplete(out int token, out byte[]? data);
}
