using VirtioGuest.LibOS.Boot;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>What LibOS takes from the Fixed ACPI Description Table (ACPI 6.5, 5.2.9).</summary>
internal struct FixedDescription
{
    private const uint TimerIs32BitsFlag = 1 << 8;
    private const uint ResetRegisterFlag = 1 << 10;
    private const uint HardwareReducedFlag = 1 << 20;
    private const ushort KeyboardControllerFlag = 1 << 1;
    private const ushort NoVgaFlag = 1 << 2;
    private const ushort NoMessagesFlag = 1 << 3;
    private const ushort NoRealTimeClockFlag = 1 << 5;

    /// <summary>Whether the table is there; everything else is 0 without it.</summary>
    public bool IsPresent;

    /// <summary>The table's revision: 1 for ACPI 1.0.</summary>
    public byte Revision;

    public ulong DsdtAddress;

    /// <summary>The port that takes <see cref="AcpiEnable"/>; 0 where ACPI mode is always on.</summary>
    public ushort SmiCommandPort;

    /// <summary>The value that turns ACPI mode on.</summary>
    public byte AcpiEnable;

    /// <summary>The port of the 16-bit PM1a control register; 0 without one.</summary>
    public ushort Pm1aControl;

    /// <summary>The port of the 16-bit PM1b control register; 0 without one.</summary>
    public ushort Pm1bControl;

    /// <summary>The port of the 3.579545 MHz power-management timer; 0 without one.</summary>
    public ushort TimerPort;

    /// <summary>The bits of the timer: 24 or 32; 0 without one.</summary>
    public byte TimerBits;

    /// <summary>The register that resets the machine; absent where the table names none.</summary>
    public AcpiRegister Reset;

    /// <summary>
    /// What switches a machine with reduced hardware off (4.8.3.7, SLEEP_CONTROL_REG); absent on others.
    /// </summary>
    public AcpiRegister SleepControl;

    /// <summary>The value to write to <see cref="Reset"/>.</summary>
    public byte ResetValue;

    /// <summary>The register of the real-time clock that holds the century; 0 where the table names none.</summary>
    public byte CenturyRegister;

    /// <summary>Whether the hardware of PM1 and SMI does not exist (5.2.9, HW_REDUCED_ACPI).</summary>
    public bool IsHardwareReduced;

    /// <summary>Whether <see cref="BootFlags"/> has a meaning: not before ACPI 2.0.</summary>
    public bool HasBootFlags;

    /// <summary>IAPC_BOOT_ARCH (5.2.9.3).</summary>
    public ushort BootFlags;

    /// <summary>False where the firmware says that there is no 8042 keyboard controller.</summary>
    public readonly bool MayHaveKeyboardController => !HasBootFlags || (BootFlags & KeyboardControllerFlag) != 0;

    /// <summary>False where the firmware says that there is no VGA hardware to probe.</summary>
    public readonly bool MayHaveVga => !HasBootFlags || (BootFlags & NoVgaFlag) == 0;

    /// <summary>False where the firmware says that message-signalled interrupts must stay off.</summary>
    public readonly bool MayUseMessages => !HasBootFlags || (BootFlags & NoMessagesFlag) == 0;

    /// <summary>False where the firmware says that there is no CMOS clock.</summary>
    public readonly bool MayHaveRealTimeClock => !HasBootFlags || (BootFlags & NoRealTimeClockFlag) == 0;

    /// <summary>Reads a table whose checksum is right.</summary>
    public void Read(ByteWindow table)
    {
        uint flags = table.Load32(112);
        IsPresent = true;
        Revision = table.Load8(8);
        DsdtAddress = table.Load64(140);
        if (DsdtAddress == 0)
        {
            DsdtAddress = table.Load32(40);
        }

        IsHardwareReduced = Revision >= 5 && (flags & HardwareReducedFlag) != 0;
        HasBootFlags = Revision >= 3 && table.Has(109, 2);
        BootFlags = HasBootFlags ? table.Load16(109) : (ushort)0;
        CenturyRegister = table.Load8(108);
        if ((flags & ResetRegisterFlag) != 0 && Revision >= 2 && table.Has(116, 13))
        {
            Reset = AcpiRegister.Read(table, 116);
            ResetValue = table.Load8(128);
        }

        if (IsHardwareReduced)
        {
            SleepControl = AcpiRegister.Read(table, 244);
            return;
        }

        SmiCommandPort = ToPort(table.Load32(48));
        AcpiEnable = table.Load8(52);
        Pm1aControl = PortOfBlock(table, 172, 64);
        Pm1bControl = PortOfBlock(table, 184, 68);
        TimerPort = PortOfBlock(table, 208, 76);
        if (table.Load8(91) != 4)
        {
            TimerPort = 0;
        }

        if (TimerPort != 0)
        {
            TimerBits = (flags & TimerIs32BitsFlag) != 0 ? (byte)32 : (byte)24;
        }
    }

    // The extended block counts where it is filled in (5.2.9), else the old one.
    private static ushort PortOfBlock(ByteWindow table, ulong extended, ulong old)
    {
        ushort port = PortOf(table, extended);
        return port != 0 ? port : ToPort(table.Load32(old));
    }

    private static ushort PortOf(ByteWindow table, ulong address)
    {
        AcpiRegister register = AcpiRegister.Read(table, address);
        return register.IsPort ? (ushort)register.Address : (ushort)0;
    }

    private static ushort ToPort(ulong address) => address <= ushort.MaxValue ? (ushort)address : (ushort)0;
}

/// <summary>A register of 8 bits in ports or memory (ACPI 6.5, 5.2.3.2, Generic Address Structure).</summary>
internal unsafe struct AcpiRegister
{
    private const byte MemorySpace = 0;
    private const byte PortSpace = 1;

    /// <summary>
    /// Its port or its physical address; 0 where there is none, or it is in a space that LibOS does not reach.
    /// </summary>
    public ulong Address;

    public bool IsPort;

    public readonly bool IsPresent => Address != 0;

    /// <summary>Reads the structure at an offset of a table; one that leaves the table is absent.</summary>
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
