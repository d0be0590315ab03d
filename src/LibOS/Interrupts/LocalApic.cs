using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// The processor's local APIC (Intel SDM 3A, 10): receives messages, passes the 8259 pair's interrupts on, and has the
/// timer.
/// </summary>
internal unsafe struct LocalApic
{
    private const ulong AddressMask = 0x000F_FFFF_FFFF_F000;
    private const ulong GlobalEnable = 1 << 11;
    private const ulong ExtendedMode = 1 << 10;

    private const uint Identifier = 0x20;
    private const uint TaskPriority = 0x80;
    private const uint EndOfInterruptRegister = 0xB0;
    private const uint SpuriousVector = 0xF0;
    private const uint TimerEntry = 0x320;
    private const uint Line0Entry = 0x350;
    private const uint Line1Entry = 0x360;
    private const uint ErrorEntry = 0x370;
    private const uint TimerInitialCount = 0x380;
    private const uint TimerCurrentCount = 0x390;
    private const uint TimerDivide = 0x3E0;

    private const uint Masked = 1 << 16;
    private const uint SoftwareEnable = 1 << 8;
    private const uint ExternalInterrupt = 7 << 8;
    private const uint NonMaskable = 4 << 8;
    private const uint DivideBy1 = 0xB;

    private byte* _registers;

    /// <summary>How often the timer counts in a second; 0 before <see cref="CalibrateTimer"/>.</summary>
    public ulong TimerHertz { get; private set; }

    /// <summary>Whether there is one and it is in use.</summary>
    public readonly bool IsPresent => _registers != null;

    /// <summary>Where a device writes to interrupt this processor.</summary>
    public readonly ulong MessageAddress => 0xFEE0_0000 | ((Read(Identifier) >> 24) << 12);

    /// <summary>Turns the local APIC on. Its registers must not be mapped by anyone else.</summary>
    /// <returns>False when they cannot be mapped.</returns>
    public bool Initialize(PageTable* table)
    {
        ulong apicBase = Processor.ReadMsr(Msr.ApicBase);
        if ((apicBase & ExtendedMode) != 0)
        {
            // x2APIC mode is left by turning the APIC off first.
            Processor.WriteMsr(Msr.ApicBase, apicBase & ~(GlobalEnable | ExtendedMode));
        }

        Processor.WriteMsr(Msr.ApicBase, (apicBase & ~ExtendedMode) | GlobalEnable);
        ulong physical = apicBase & AddressMask;
        if (!DeviceMemory.Map(table, physical, Frame.Size))
        {
            return false;
        }

        _registers = PhysicalMemory.At(physical);
        Write(TimerEntry, Masked);
        Write(ErrorEntry, Masked);
        Write(Line0Entry, ExternalInterrupt);
        Write(Line1Entry, NonMaskable);
        Write(TaskPriority, 0);
        Write(SpuriousVector, SoftwareEnable | (uint)Vectors.Spurious);
        EndOfInterrupt();
        return true;
    }

    /// <summary>Tells the APIC that a message or a timer interrupt was taken.</summary>
    public readonly void EndOfInterrupt() => Write(EndOfInterruptRegister, 0);

    /// <summary>Measures the timer against the timestamp counter for a millisecond.</summary>
    public void CalibrateTimer(ulong timestampKilohertz)
    {
        Write(TimerDivide, DivideBy1);
        Write(TimerEntry, Masked | (uint)Vectors.Timer);
        ulong start = Processor.ReadTimestamp();
        Write(TimerInitialCount, uint.MaxValue);
        ulong now;
        do
        {
            now = Processor.ReadTimestamp();
        }
        while (now - start < timestampKilohertz);

        ulong counted = uint.MaxValue - Read(TimerCurrentCount);
        Write(TimerInitialCount, 0);
        TimerHertz = counted * timestampKilohertz / (now - start) * 1000;
        Write(TimerEntry, (uint)Vectors.Timer);
    }

    /// <summary>Lets the timer interrupt once.</summary>
    /// <param name="nanoseconds">From now; at least one count and at most as far as the counter goes.</param>
    public readonly void ArmTimer(ulong nanoseconds)
    {
        // Half a second at most, so that the product fits; an early interrupt only arms the timer again.
        ulong capped = nanoseconds < 500_000_000 ? nanoseconds : 500_000_000;
        ulong count = (TimerHertz / 1000) * capped / 1_000_000;
        if (count > uint.MaxValue)
        {
            count = uint.MaxValue;
        }

        Write(TimerInitialCount, count == 0 ? 1 : (uint)count);
    }

    private readonly uint Read(uint register) => *(uint*)(_registers + register);

    private readonly void Write(uint register, uint value) => *(uint*)(_registers + register) = value;
}
