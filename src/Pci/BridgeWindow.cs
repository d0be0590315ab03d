namespace VirtioGuest.Pci;

/// <summary>The three windows through which a PCI-to-PCI bridge forwards.</summary>
internal enum BridgeWindow
{
    /// <summary>I/O ports.</summary>
    Io = 0,

    /// <summary>Memory below 4 GiB.</summary>
    Memory = 1,

    /// <summary>Memory that may be read ahead.</summary>
    Prefetchable = 2,
}
