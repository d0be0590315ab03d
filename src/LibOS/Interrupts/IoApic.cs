using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// The I/O APICs, which LibOS does not use: lines come through the 8259 pair. Firmware may have left entries enabled,
/// and an interrupt through one of them would have a vector that means something else here.
/// </summary>
internal static unsafe class IoApic
{
    private const ulong WindowLength = 0x20;
    private const uint SelectRegister = 0;
    private const uint DataRegister = 0x10;
    private const uint VersionRegister = 1;
    private const uint FirstEntry = 0x10;
    private const uint Masked = 1 << 16;

    /// <summary>Masks every input of every I/O APIC that the firmware tells of.</summary>
    public static void MaskAll(InterruptDescription* description, PageTable* pages)
    {
        var ioApic = default(IoApicDescription);
        for (int i = 0; description->TryGetIoApic(i, &ioApic); i++)
        {
            if (!DeviceMemory.Map(pages, ioApic.Address, WindowLength))
            {
                continue;
            }

            byte* registers = PhysicalMemory.At(ioApic.Address);
            uint last = (Read(registers, VersionRegister) >> 16) & 0xFF;
            for (uint entry = 0; entry <= last; entry++)
            {
                Write(registers, FirstEntry + (2 * entry), Masked);
            }
        }
    }

    private static uint Read(byte* registers, uint register)
    {
        *(uint*)(registers + SelectRegister) = register;
        return *(uint*)(registers + DataRegister);
    }

    private static void Write(byte* registers, uint register, uint value)
    {
        *(uint*)(registers + SelectRegister) = register;
        *(uint*)(registers + DataRegister) = value;
    }
}
