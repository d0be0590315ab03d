using System.Runtime;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>
/// Calls that the program makes as plain functions, without entering LibOS: they only read, and what they read does not
/// change under the caller.
/// </summary>
internal static unsafe class DirectCalls
{
    /// <summary>Monotonic nanoseconds.</summary>
    [RuntimeExport("libos_monotonic")]
    public static ulong Monotonic() => Clock.Now;

    /// <summary>Where a present byte is in physical memory, and how far it goes on contiguously.</summary>
    [RuntimeExport("libos_translate")]
    public static ulong Translate(ulong address, ulong length, ulong* contiguous)
    {
        ulong first = LibOs.Pages->Translate(address, out ulong pageLength);
        *contiguous = 0;
        if (first == FrameAllocator.None)
        {
            return 0;
        }

        ulong count = pageLength - (address & (pageLength - 1));
        while (count < length)
        {
            if (LibOs.Pages->Translate(address + count, out pageLength) != first + count)
            {
                break;
            }

            count += pageLength;
        }

        *contiguous = count < length ? count : length;
        return first;
    }
}
