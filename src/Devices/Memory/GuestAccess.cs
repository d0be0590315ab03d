namespace VirtioGuest.Devices.Memory;

/// <summary>What a device wants to do with a piece of the guest's memory.</summary>
public enum GuestAccess
{
    /// <summary>Only read it.</summary>
    Read = 1,

    /// <summary>Only write it.</summary>
    Write = 2,

    /// <summary>Read and write it.</summary>
    ReadWrite = 3,
}
