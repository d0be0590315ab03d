using System.Runtime.InteropServices;
using VirtioGuest.Commands.Data;

namespace VirtioGuest.Kernel.Machine;

/// <summary>
/// What <c>libos_hold_registers</c> loads into the registers, at the offsets that <c>Registers.S</c> names.
/// </summary>
[StructLayout(LayoutKind.Explicit, Size = 768)]
internal unsafe struct RegisterPattern
{
    private const ulong PageTurns = 64;
    private const ulong Yield = 1;
    private const ulong Touch = 2;
    private const int PageSize = 4096;

    private const int VectorWords = 64;
    private const int X87Registers = 8;
    private const int GeneralRegisters = 15;

    // Normal numbers of the extended format: an integer bit, and an exponent that is neither all zeros nor all ones.
    private const ulong IntegerBit = 1ul << 63;
    private const ulong ExponentBase = 0x3C00;

    // Every exception stays masked; rounding and precision differ, and in MXCSR what happens to denormal numbers.
    private const ushort X87Masks = 0x007F;
    private const uint VectorMasks = 0x1F80;
    private const uint VectorModes = 0xE040;

    private static readonly string[] s_general =
    [
        "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",
    ];

    [FieldOffset(0)]
    private fixed ulong _vectors[VectorWords];

    [FieldOffset(512)]
    private fixed ulong _x87[2 * X87Registers];

    [FieldOffset(640)]
    private readonly ushort _x87Control;

    [FieldOffset(644)]
    private readonly uint _vectorControl;

    [FieldOffset(648)]
    private fixed ulong _general[GeneralRegisters];

    /// <summary>Makes the values that belong to a seed.</summary>
    private RegisterPattern(ulong seed)
    {
        ulong number = SplitMix64.Mix(seed);
        for (int i = 0; i < VectorWords; i++)
        {
            _vectors[i] = SplitMix64.Mix(number + (ulong)i);
        }

        for (int i = 0; i < X87Registers; i++)
        {
            _x87[2 * i] = SplitMix64.Mix(~number + (ulong)i) | IntegerBit;
            _x87[(2 * i) + 1] = ExponentBase + ((number >> i) & 0xFF);
        }

        for (int i = 0; i < GeneralRegisters; i++)
        {
            _general[i] = SplitMix64.Mix(number ^ ((ulong)i << 32));
        }

        // Bits 8 and 9: single, double or extended precision; 1 is reserved. Bits 10 and 11: rounding.
        uint precision = (uint)(number >> 8) % 3;
        precision = precision == 0 ? 0 : precision + 1;
        _x87Control = (ushort)(X87Masks | (precision << 8) | (((uint)number & 3) << 10));
        _vectorControl = VectorMasks | ((uint)(number >> 16) & VectorModes);
    }

    /// <summary>
    /// Keeps the registers for a while in cooperative mode, where the collector signals the thread until it is back.
    /// </summary>
    /// <param name="seed">What they hold.</param>
    /// <param name="turns">For how many turns of a short loop, at least 1.</param>
    /// <returns>The names of the registers that have changed; null where none has.</returns>
    public static string? HoldCooperatively(ulong seed, ulong turns)
    {
        var pattern = new RegisterPattern(seed);
        return Describe(LibOsCalls.HoldRegisters(&pattern, turns, 0, null));
    }

    /// <summary>The same outside cooperative mode.</summary>
    public static string? HoldPreemptively(ulong seed, ulong turns)
    {
        var pattern = new RegisterPattern(seed);
        return Describe(LibOsCalls.HoldRegistersPreemptively(&pattern, turns, 0, null));
    }

    /// <summary>Keeps them across system calls that let other threads run.</summary>
    /// <param name="seed">What they hold.</param>
    /// <param name="calls">How many, at least 1.</param>
    /// <returns>The names of the registers that have changed; null where none has.</returns>
    public static string? HoldAcrossCalls(ulong seed, ulong calls)
    {
        var pattern = new RegisterPattern(seed);
        return Describe(LibOsCalls.HoldRegistersPreemptively(&pattern, calls, Yield, null));
    }

    /// <summary>Keeps them while page after page is touched for the first time.</summary>
    public static string? HoldAcrossPageFaults(ulong seed)
    {
        // So much memory comes fresh from LibOS, and goes back to it.
        var pattern = new RegisterPattern(seed);
        byte* pages = (byte*)NativeMemory.Alloc((nuint)PageTurns * PageSize);
        ulong changed = LibOsCalls.HoldRegistersPreemptively(&pattern, PageTurns, Touch, pages);
        NativeMemory.Free(pages);
        return Describe(changed);
    }

    private static string? Describe(ulong changed)
    {
        if (changed == 0)
        {
            return null;
        }

        string text = "";
        for (int bit = 0; bit < 64; bit++)
        {
            if ((changed & (1ul << bit)) != 0)
            {
                text += (text.Length == 0 ? "" : ", ") + NameOf(bit);
            }
        }

        return text;
    }

    private static string NameOf(int bit) => bit switch
    {
        < 16 => "xmm" + bit,
        < 24 => "st" + (bit - 16),
        24 => "the x87 control word",
        25 => "MXCSR",
        26 => "the red zone",
        _ => s_general[bit - 32],
    };
}
