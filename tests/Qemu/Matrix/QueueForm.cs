namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>How large the devices' queues are.</summary>
public enum QueueForm
{
    /// <summary>As QEMU has them: 256 descriptors.</summary>
    Usual,

    /// <summary>8 descriptors for the disk. A card's queues cannot be smaller than they usually are.</summary>
    Small,

    /// <summary>1024 descriptors for the disk and the card's receive queue.</summary>
    Large,
}
