namespace VirtioGuest.Devices;

/// <summary>64-bit registers are written as two of 32 bits.</summary>
internal static class Half
{
    public static ulong Replace(ulong register, bool isHigh, uint value) => isHigh
        ? (register & uint.MaxValue) | ((ulong)value << 32)
        : (register & ~(ulong)uint.MaxValue) | value;
}
