namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A virtio-blk-pci device.</summary>
/// <param name="Path">The raw image.</param>
public sealed record DiskOptions(string Path)
{
    /// <summary>Whether the device offers the packed ring.</summary>
    public bool IsPacked { get; init; } = true;

    /// <summary>Whether the device refuses writes.</summary>
    public bool IsReadOnly { get; init; }

    /// <summary>MSI-X vectors; QEMU chooses where null, 0 leaves the interrupt line alone.</summary>
    public int? Vectors { get; init; }

    /// <summary>More options of the image, such as <c>cache=writeback</c>.</summary>
    public string? Drive { get; init; }

    /// <summary>More properties of the device, such as <c>queue-size=64</c>.</summary>
    public string? Properties { get; init; }
}
