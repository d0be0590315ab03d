using System.Collections.Generic;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Binding;

/// <summary>What firmware and loader say of the machine, as far as finding devices needs it.</summary>
internal sealed class FirmwareDescription
{
    /// <summary>The memory map, in any order.</summary>
    public required IReadOnlyList<MemoryRange> MemoryMap { get; init; }

    /// <summary>Where PCI configuration space is in memory; none on a machine without ACPI.</summary>
    public required IReadOnlyList<ConfigurationWindow> ConfigurationWindows { get; init; }

    /// <summary>The ACPI tables; none on a machine without ACPI.</summary>
    public IReadOnlyList<AcpiTable> Tables { get; init; } = [];

    /// <summary>The kernel command line, which names the devices that cannot be looked for.</summary>
    public required string CommandLine { get; init; }
}
