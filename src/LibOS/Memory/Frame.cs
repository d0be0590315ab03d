namespace VirtioGuest.LibOS.Memory;

/// <summary>Sizes of physical memory: a frame is 4 KB.</summary>
internal static class Frame
{
    /// <summary>Bytes in a frame.</summary>
    public const ulong Size = 4096;

    /// <summary>The base-2 logarithm of <see cref="Size"/>.</summary>
    public const int Shift = 12;

    /// <summary>The largest multiple of the frame size that is not above an address.</summary>
    public static ulong RoundDown(ulong address) => address & ~(Size - 1);

    /// <summary>The smallest multiple of the frame size that is not below an address.</summary>
    public static ulong RoundUp(ulong address) => (address + Size - 1) & ~(Size - 1);

    /// <summary>The smallest order whose block, 2^order frames, holds a number of bytes.</summary>
    public static int OrderOf(ulong bytes)
    {
        int order = 0;
        while ((Size << order) < bytes && order < FrameZone.MaximumOrder + 1)
        {
            order++;
        }

        return order;
    }
}
