using VirtioGuest.Hal;

namespace VirtioGuest.Kernel.Machine;

/// <summary>Managed memory that does not move.</summary>
internal static unsafe class PinnedMemory
{
    /// <summary>Loads an array that was allocated on the pinned heap.</summary>
    public static DmaStatus Load(DmaMap map, byte[] pinned)
    {
        fixed (byte* start = pinned)
        {
            return map.Load(start, (uint)pinned.Length);
        }
    }
}
