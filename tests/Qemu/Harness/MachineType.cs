namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>QEMU's machine types that the kernel is made for.</summary>
public enum MachineType
{
    /// <summary>i440FX and PIIX: conventional PCI.</summary>
    Pc,

    /// <summary>Q35 and ICH9: PCI Express.</summary>
    Q35,
}
