namespace VirtioGuest.Qemu.Tests.Matrix;

/// <summary>A machine and the way in which it tells of its devices.</summary>
public enum Platform
{
    /// <summary>i440FX: PCI through ports.</summary>
    Pc,

    /// <summary>Q35: PCI through memory, as ACPI tells.</summary>
    Q35,

    /// <summary>A microvm without ACPI: devices over MMIO, as the command line tells.</summary>
    MicrovmMmio,

    /// <summary>
    /// A microvm with PCI Express: through memory only, as the ACPI tables of the PVH start information tell, and with
    /// no addresses assigned.
    /// </summary>
    MicrovmPcie,
}
