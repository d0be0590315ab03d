using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>A register of 8 bits in ports or memory (ACPI 6.5, 5.2.3.2, Generic Address Structure).</summary>
internal unsafe struct AcpiRegister
{
    private const byte MemorySpace = 0;
    private const byte PortSpace = 1;

    /// <summary>Where it is; 0 where there is none, or in a space that LibOS does not reach.</summary>
    public ulong Address;

    /// <summary>Whether <see cref="Address"/> is a port.</summary>
    public bool IsPort;

    /// <summary>Whether there is one.</summary>
    public readonly bool IsPresent => Address != 0;

    /// <summary>Reads the structure at an offset of a table; what lies outside of the table reads as absent.</summary>
    public static AcpiRegister Read(ByteWindow table, ulong offset)
    {
        var register = default(AcpiRegister);
        if (!table.Has(offset, 12))
        {
            return register;
        }

        byte space = table.Load8(offset);
        ulong address = table.Load64(offset + 4);
        register.IsPort = space == PortSpace;
        bool isReachable = register.IsPort ? address <= ushort.MaxValue : space == MemorySpace;
        register.Address = isReachable ? address : 0;
        return register;
    }

    /// <summary>Writes it; false where its memory cannot be mapped.</summary>
    public readonly bool TryWrite(PageTable* pages, byte value)
    {
        if (IsPort)
        {
            Processor.Out8((ushort)Address, value);
            return true;
        }

        if (!DeviceMemory.Map(pages, Address, 1))
        {
            return false;
        }

        *PhysicalMemory.At(Address) = value;
        return true;
    }
}
