namespace VirtioGuest.LibOS.Cpu;

/// <summary>Model-specific registers (Intel SDM 4, 2.1).</summary>
internal static class Msr
{
    public const uint ApicBase = 0x1B;
    public const uint Efer = 0xC000_0080;
    public const uint Star = 0xC000_0081;
    public const uint LStar = 0xC000_0082;
    public const uint SyscallFlagMask = 0xC000_0084;
    public const uint FsBase = 0xC000_0100;
    public const uint GsBase = 0xC000_0101;
}
