namespace VirtioGuest.Kernel.Services;

/// <summary>What a transfer does.</summary>
internal enum DiskOperation
{
    /// <summary>Reads sectors into the transfer's buffer.</summary>
    Read,

    /// <summary>Writes sectors from the transfer's buffer.</summary>
    Write,

    /// <summary>Makes all writes that were completed before survive a loss of power; moves no data.</summary>
    Flush,
}
