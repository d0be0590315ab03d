namespace VirtioGuest.LibOS.Cpu;

/// <summary>Which of the processor's 256 vectors is used for what.</summary>
internal static class Vectors
{
    public const ulong DivideError = 0;
    public const ulong Debug = 1;
    public const ulong NonMaskable = 2;
    public const ulong Breakpoint = 3;
    public const ulong InvalidOpcode = 6;
    public const ulong DoubleFault = 8;
    public const ulong GeneralProtection = 13;
    public const ulong PageFault = 14;
    public const ulong FloatingPoint = 16;
    public const ulong MachineCheck = 18;
    public const ulong SimdFloatingPoint = 19;

    /// <summary>The first vector for lines; the first 16 are the 8259 pair's or its substitute's.</summary>
    public const ulong FirstLine = 0x20;

    /// <summary>How many lines can interrupt: as many as two I/O APICs have.</summary>
    public const ulong LineCount = 48;

    /// <summary>The first vector for messages.</summary>
    public const ulong FirstMessage = 0x50;

    /// <summary>How many vectors there are for messages.</summary>
    public const ulong MessageCount = 0xA0;

    /// <summary>The local APIC's timer.</summary>
    public const ulong Timer = 0xF0;

    /// <summary>A vector that nothing uses, for the test of the report on unknown traps.</summary>
    public const ulong Unused = 0xF8;

    /// <summary>The local APIC's spurious interrupt; its low four bits are set, as old ones demand.</summary>
    public const ulong Spurious = 0xFF;
}
