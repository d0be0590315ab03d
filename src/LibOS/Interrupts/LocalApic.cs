using System;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// The processor's local APIC (Intel SDM 3A, chapter 'Advanced Programmable Interrupt Controller'): receives messages,
/// passes the 8259 pair's interrupts on, and has the timer.
/// </summary>
internal unsafe struct LocalApic
{
    private const ulong AddressMask = 0x000F_FFFF_FFFF_F000;
    private const ulong GlobalEnable = 1 << 11;
    private const ulong ExtendedMode = 1 << 10;

    // 'x2APIC Register Address Space': the register at offset n * 16 is MSR 0x800 + n.
    private const uint FirstMsr = 0x800;

    private const uint Identifier = 0x20;
    private const uint Version = 0x30;
    private const uint TaskPriority = 0x80;
    private const uint EndOfInterruptRegister = 0xB0;
    private const uint SpuriousVector = 0xF0;
    private const uint FirstInService = 0x100;
    private const uint LastInService = 0x170;
    private const uint CorrectedErrorEntry = 0x2F0;
    private const uint TimerEntry = 0x320;
    private const uint ThermalEntry = 0x330;
    private const uint PerformanceEntry = 0x340;
    private const uint Line0Entry = 0x350;
    private const uint Line1Entry = 0x360;
    private const uint ErrorEntry = 0x370;
    private const uint TimerInitialCount = 0x380;
    private const uint TimerCurrentCount = 0x390;
    private const uint TimerDivide = 0x3E0;

    private const uint Masked = 1 << 16;
    private const uint SoftwareEnable = 1 << 8;
    private const uint DeliveryMode = 7 << 8;
    private const uint Fixed = 0 << 8;
    private const uint ExternalInterrupt = 7 << 8;
    private const uint NonMaskable = 4 << 8;
    private const uint DivideBy1 = 0xB;
    private const uint VectorCount = 256;

    // What an I/O APIC's entry and a message can name.
    private const uint LastReachable = 0xFE;

    private byte* _registers;
    private bool _isExtended;

    /// <summary>How often the timer counts in a second; 0 before <see cref="CalibrateTimer"/>.</summary>
    public ulong TimerHertz { get; private set; }

    /// <summary>Whether there is one in use.</summary>
    public readonly bool IsPresent => _registers != null || _isExtended;

    /// <summary>The processor's number, by which interrupts are sent to it.</summary>
    public readonly uint Id => _isExtended ? Read(Identifier) : Read(Identifier) >> 24;

    /// <summary>Whether devices and I/O APICs can name this processor.</summary>
    public readonly bool IsReachable => IsPresent && Id <= LastReachable;

    /// <summary>Where a device writes to interrupt this processor.</summary>
    public readonly ulong MessageAddress => 0xFEE0_0000 | (Id << 12);

    /// <summary>Turns the local APIC on. Its registers must not be mapped by anyone else.</summary>
    /// <returns>False when they cannot be mapped.</returns>
    public bool Initialize(PageTable* table)
    {
        ulong apicBase = Processor.ReadMsr(Msr.ApicBase);
        if ((apicBase & ExtendedMode) != 0)
        {
            // Firmware or monitor chose x2APIC mode. It is kept: some processors do not let it be left again
            // ('Local APIC State Transitions', LEGACY_XAPIC_DISABLED), and then the registers are not in memory.
            _isExtended = true;
            Start();
            return true;
        }

        if ((apicBase & GlobalEnable) == 0)
        {
            Processor.WriteMsr(Msr.ApicBase, apicBase | GlobalEnable);
        }

        ulong physical = apicBase & AddressMask;
        if (!DeviceMemory.Map(table, physical, Frame.Size))
        {
            return false;
        }

        Initialize(PhysicalMemory.At(physical));
        return true;
    }

    /// <summary>The same where the registers are mapped already.</summary>
    public void Initialize(byte* registers)
    {
        _registers = registers;
        Start();
    }

    /// <summary>Tells the APIC that a message or a timer interrupt was taken.</summary>
    public readonly void EndOfInterrupt() => Write(EndOfInterruptRegister, 0);

    /// <summary>Measures the timer against the timestamp counter for a millisecond.</summary>
    public void CalibrateTimer(ulong timestampKilohertz)
    {
        StartCount();
        ulong start = Processor.ReadTimestamp();
        ulong now;
        do
        {
            now = Processor.ReadTimestamp();
        }
        while (now - start < timestampKilohertz);

        ulong counted = Counted;
        Write(TimerInitialCount, 0);
        TimerHertz = counted * timestampKilohertz / (now - start) * 1000;
        Write(TimerEntry, (uint)Vectors.Timer);
    }

    /// <summary>Lets the timer count from 0, without an interrupt, to measure something else with it.</summary>
    public readonly void StartCount()
    {
        Write(TimerDivide, DivideBy1);
        Write(TimerEntry, Masked | (uint)Vectors.Timer);
        Write(TimerInitialCount, uint.MaxValue);
    }

    /// <summary>How far the timer has counted since <see cref="StartCount"/>; it stops at the end.</summary>
    public readonly uint Counted => uint.MaxValue - Read(TimerCurrentCount);

    /// <summary>Lets the timer interrupt once.</summary>
    /// <param name="nanoseconds">From now; at least one count and at most as far as the counter goes.</param>
    public readonly void ArmTimer(ulong nanoseconds)
    {
        // Half a second at most, so that the product fits; an early interrupt only arms the timer again.
        ulong capped = Math.Min(nanoseconds, 500_000_000);
        ulong count = Math.Min(TimerHertz / 1000 * capped / 1_000_000, uint.MaxValue);
        Write(TimerInitialCount, (uint)Math.Max(count, 1));
    }

    private readonly void Start()
    {
        // First of all. 'Local APIC State After It Has Been Software Disabled': all mask bits of the local vector table
        // are set, and attempts to reset them are ignored, so that an entry written before this stays masked. QEMU's
        // own emulation takes it all the same.
        Write(SpuriousVector, SoftwareEnable | (uint)Vectors.Spurious);
        Write(TaskPriority, 0);

        // What ran before may have left interrupts in service; those of the same or a lower class would never come.
        for (uint i = 0; i < VectorCount && IsAnyInService(); i++)
        {
            EndOfInterrupt();
        }

        // A masked entry still has a legal vector: 0 to 15 are an error whether masked or not ('Error Handling').
        Write(TimerEntry, Masked | (uint)Vectors.Timer);
        Write(ErrorEntry, Masked | (uint)Vectors.Spurious);
        MaskFixed(PerformanceEntry, 4);
        MaskFixed(ThermalEntry, 5);
        MaskFixed(CorrectedErrorEntry, 6);
        Write(Line0Entry, ExternalInterrupt);
        Write(Line1Entry, NonMaskable);
    }

    private readonly bool IsAnyInService()
    {
        for (uint register = FirstInService; register <= LastInService; register += 0x10)
        {
            if (Read(register) != 0)
            {
                return true;
            }
        }

        return false;
    }

    // Masks an entry that would interrupt with a vector of somebody else's. Other entries are the firmware's (SMI).
    private readonly void MaskFixed(uint register, uint number)
    {
        uint last = (Read(Version) >> 16) & 0xFF;
        if (last >= number && (Read(register) & DeliveryMode) == Fixed)
        {
            Write(register, Masked | (uint)Vectors.Spurious);
        }
    }

    private readonly uint Read(uint register) => _isExtended
        ? (uint)Processor.ReadMsr(FirstMsr + (register >> 4))
        : DeviceRegisters.Read32(_registers + register);

    private readonly void Write(uint register, uint value)
    {
        if (_isExtended)
        {
            Processor.WriteMsr(FirstMsr + (register >> 4), value);
        }
        else
        {
            DeviceRegisters.Write32(_registers + register, value);
        }
    }
}
