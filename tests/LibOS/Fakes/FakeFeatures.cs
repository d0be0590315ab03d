using System;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>
/// A processor with XSAVE as a manual has it, and ways in which a hypervisor can spoil it. The sizes are Intel's: AVX
/// ends at 832 bytes, AVX-512 at 2688.
/// </summary>
internal sealed class FakeFeatures
{
    private const uint XSaveBit = 1 << 26;

    /// <summary>The components that CPUID function 0Dh promises; 0 for a processor without XSAVE.</summary>
    public uint Promised { get; init; }

    /// <summary>Whether any of XSAVEOPT, XSAVEC and the like are there.</summary>
    public bool HasExtensions { get; init; } = true;

    /// <summary>Whether XSAVEOPT is among them.</summary>
    public bool HasSaveOptimization { get; init; } = true;

    /// <summary>Whether XSETBV has an effect that lasts.</summary>
    public bool HasWorkingXSetBv { get; init; } = true;

    /// <summary>Whether the size of the save area follows XCR0.</summary>
    public bool AreaGrows { get; init; } = true;

    /// <summary>By how much the area is larger than its components need.</summary>
    public uint ExtraLength { get; init; }

    /// <summary>Bits of function 1, EDX, for tests of single features.</summary>
    public uint BasicEdx { get; init; }

    /// <summary>Bits of function 80000001h, EDX.</summary>
    public uint ExtendedEdx { get; init; }

    /// <summary>The highest function of the extended range.</summary>
    public uint HighestExtended { get; init; } = 0x8000_0008;

    public ulong Xcr0 { get; private set; } = 1;

    /// <summary>Whether CR4 has XSAVE on.</summary>
    public bool IsXSaveOn { get; private set; }

    public void EnableXSave(ulong components)
    {
        if ((components & ~Promised) != 0 || (components & 3) != 3 || ((components & 0xE0) is not 0 and not 0xE0)
            || (components & 0xE4) == 0xE0)
        {
            throw new InvalidOperationException($"XSETBV with {components:x} is a general protection fault");
        }

        IsXSaveOn = true;
        Xcr0 = components;
    }

    public void DisableXSave() => IsXSaveOn = false;

    public void Read(uint leaf, uint subleaf, Span<uint> answer)
    {
        // A hypervisor that did not see XSETBV puts its own value back when the guest goes on after CPUID.
        if (!HasWorkingXSetBv)
        {
            Xcr0 = 1;
        }

        switch (leaf, subleaf)
        {
            case (0, _):
                answer[0] = 0xD;
                break;
            case (1, _):
                answer[2] = Promised != 0 ? XSaveBit : 0;
                answer[3] = BasicEdx;
                break;
            case (0xD, 0):
                answer[0] = Promised;
                answer[1] = LengthOf(AreaGrows ? Xcr0 : 1) + ExtraLength;
                break;
            case (0xD, 1):
                answer[0] = !HasExtensions ? 0 : HasSaveOptimization ? 3u : 2;
                break;
            case (0xD, 2):
                (answer[0], answer[1]) = (256, 576);
                break;
            case (0xD, 5):
                (answer[0], answer[1]) = (64, 1088);
                break;
            case (0xD, 6):
                (answer[0], answer[1]) = (512, 1152);
                break;
            case (0xD, 7):
                (answer[0], answer[1]) = (1024, 1664);
                break;
            case (0x8000_0000, _):
                answer[0] = HighestExtended;
                break;
            case (0x8000_0001, _):
                answer[3] = ExtendedEdx;
                break;
        }
    }

    private static uint LengthOf(ulong components) =>
        (components & 0xE0) != 0 ? 2688u : (components & 4) != 0 ? 832u : 576u;
}
