namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A virtio-net-pci device, normally on a user network of its own (10.0.2.0/24, gateway 10.0.2.2).</summary>
public sealed record NicOptions
{
    /// <summary>Whether the device offers the packed ring.</summary>
    public bool IsPacked { get; init; } = true;

    /// <summary>MSI-X vectors; QEMU chooses where null, 0 leaves the interrupt line alone.</summary>
    public int? Vectors { get; init; }

    /// <summary>Whether it has a network boot program, so that firmware may use it before the kernel.</summary>
    public bool HasBootRom { get; init; }

    /// <summary>What it is connected to, in the words of QEMU's <c>-netdev</c> without the identifier.</summary>
    public string Netdev { get; init; } = "user";

    /// <summary>More properties of the device.</summary>
    public string? Properties { get; init; }
}
