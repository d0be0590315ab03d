namespace VirtioGuest.LibOS.Cpu;

/// <summary>Addresses of the linked image that LibOS needs; laid out by <c>Processor.S</c>.</summary>
internal unsafe struct ImageLayout
{
    /// <summary>The ELF header: the image's first byte.</summary>
    public byte* ElfHeader;

    /// <summary>The first byte after the image, its zeroed part included.</summary>
    public byte* End;

    /// <summary>The task descriptor's two words in the segment table.</summary>
    public ulong* TaskDescriptor;

    /// <summary>256 trap stubs of <see cref="TrapStubLength"/> bytes.</summary>
    public byte* TrapStubs;

    /// <summary>Where SYSCALL goes.</summary>
    public byte* SystemCallEntry;

    /// <summary>What the idle thread runs.</summary>
    public byte* IdleLoop;

    /// <summary>The C library's entry point: where the program starts.</summary>
    public byte* ProgramEntry;

    /// <summary>256 glyphs of 8 by 16 pixels, one byte per row.</summary>
    public byte* Font;

    /// <summary>The names of functions: see <see cref="LibOS.Symbols"/>.</summary>
    public byte* Symbols;

    /// <summary>What the idle thread runs where no timer interrupts.</summary>
    public byte* IdlePollLoop;

    /// <summary>The first of the features that the processor must have.</summary>
    public RequiredFeature* Features;

    /// <summary>The end of the table.</summary>
    public RequiredFeature* FeaturesEnd;

    /// <summary>The distance between two trap stubs, in bytes.</summary>
    public const ulong TrapStubLength = 16;
}
