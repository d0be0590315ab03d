namespace VirtioGuest.LibOS.Abi;

/// <summary>Where an ACPI table is whose length and checksum are in order.</summary>
public struct AcpiTable
{
    /// <summary>Its first byte, below 4 GB.</summary>
    public ulong PhysicalAddress;

    /// <summary>Its bytes, the common header of 36 included.</summary>
    public uint Length;

    /// <summary>Its four letters as a little-endian number.</summary>
    public uint Signature;
}
