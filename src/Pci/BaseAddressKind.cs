namespace VirtioGuest.Pci;

/// <summary>What a base address register decodes (PCI 3.0, 6.2.5.1).</summary>
public enum BaseAddressKind
{
    /// <summary>I/O ports.</summary>
    Io = 0,

    /// <summary>Memory below 4 GiB.</summary>
    Memory32 = 1,

    /// <summary>Memory anywhere, in two registers.</summary>
    Memory64 = 2,
}
