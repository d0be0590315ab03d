using VirtioGuest.LibOS.Memory;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>The instruction that saves extended registers; numbered as in <c>Layout.h</c>.</summary>
internal enum ExtendedSave : uint
{
    FXSave = 0,
    XSave = 1,

    /// <summary>
    /// XSAVEOPT, which leaves alone what has not changed since XRSTOR loaded it from the same place, or was never used:
    /// an area is written by nobody else between the two.
    /// </summary>
    XSaveOpt = 2,
}

/// <summary>
/// Saved x87, SSE and AVX registers, as FXSAVE or XSAVE lays them out (Intel SDM 1, 10.5.1 and 13.4). Every area is a
/// frame, so that it is aligned for both.
/// </summary>
internal static unsafe class ExtendedState
{
    public const uint AreaLength = (uint)Frame.Size;

    /// <summary>The bytes that FXSAVE writes.</summary>
    public const uint LegacyLength = 512;

    /// <summary>The bytes of XSAVE's header, which follows the legacy area.</summary>
    public const uint HeaderLength = 64;

    private const uint ControlWordOffset = 0;
    private const uint VectorControlOffset = 24;

    // Exceptions masked, 64-bit precision, round to nearest: what FNINIT and a reset of the processor leave, and what
    // the System V calling convention promises to a program.
    private const ushort InitialControlWord = 0x037F;
    private const uint InitialVectorControl = 0x1F80;

    // Every bit of MXCSR that any processor knows; the others must be zero, or FXRSTOR and XRSTOR fault.
    private const uint VectorControlBits = 0xFFFF;

    /// <summary>
    /// Writes the state that threads and signal handlers start with. XRSTOR takes a component that the header does not
    /// name for untouched, so the header of zeros stands for all the rest.
    /// </summary>
    public static void Initialize(byte* area)
    {
        Processor.Fill(area, 0, LegacyLength + HeaderLength);
        *(ushort*)(area + ControlWordOffset) = InitialControlWord;
        *(uint*)(area + VectorControlOffset) = InitialVectorControl;
    }

    /// <summary>Sees to it that the current thread's area holds its registers.</summary>
    public static void Settle(PerCpu* cpu)
    {
        if (cpu->LiveExtended != null)
        {
            Processor.SaveExtended(cpu->LiveExtended);
            cpu->LiveExtended = null;
        }
    }

    /// <summary>
    /// Takes an area over from the program, which may have written anything into it: whatever the processor would
    /// refuse to load is cleared.
    /// </summary>
    /// <param name="area">Where to.</param>
    /// <param name="source">The program's copy, or null for the initial state.</param>
    /// <param name="features">What is saved, and how long that is.</param>
    public static void Load(byte* area, byte* source, ProcessorFeatures* features)
    {
        if (source == null)
        {
            Initialize(area);
            return;
        }

        Processor.Copy(area, source, features->ExtendedLength);
        *(uint*)(area + VectorControlOffset) &= VectorControlBits;
        if (features->XSaveComponents != 0)
        {
            var header = (ulong*)(area + LegacyLength);
            header[0] &= features->XSaveComponents;
            Processor.Fill(header + 1, 0, HeaderLength - sizeof(ulong));
        }
    }
}
