namespace VirtioGuest.LibOS.Acpi;

/// <summary>Whether ACPI tables were found, and what was wrong with them otherwise.</summary>
internal enum AcpiStatus : uint
{
    /// <summary>A root table was found. Which tables hang from it is for <see cref="AcpiTables"/> to say.</summary>
    Ok = 0,

    /// <summary>There is no root pointer: a machine without ACPI.</summary>
    NoRootPointer = 1,

    /// <summary>There is a root pointer, but neither XSDT nor RSDT is in order.</summary>
    NoRootTable = 2,
}
