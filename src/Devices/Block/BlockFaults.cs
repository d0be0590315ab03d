namespace VirtioGuest.Devices.Block;

/// <summary>Decides which requests of a block device fail.</summary>
public abstract class BlockFaults
{
    /// <summary>Asked before a request is carried out.</summary>
    /// <param name="type">The request's type (virtio 1.4, 5.2.6).</param>
    /// <param name="sector">Where it begins.</param>
    /// <param name="length">How many bytes of data it has.</param>
    /// <returns>The status to fail it with, or null to carry it out.</returns>
    public abstract BlockStatus? Fault(uint type, ulong sector, ulong length);
}
