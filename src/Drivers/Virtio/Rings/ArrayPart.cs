using System;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>The first elements of an array as a span.</summary>
/// <remarks>
/// The constructor of a span asks for the type of the array, for which IL2CPU allocates an object each time.
/// </remarks>
internal static class ArrayPart
{
    /// <summary>Shows the first elements.</summary>
    /// <param name="array">An array that is not empty.</param>
    /// <param name="count">How many.</param>
    /// <exception cref="ArgumentOutOfRangeException">The array has fewer.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Span<T> Of<T>(T[] array, int count)
        where T : struct
    {
        if ((uint)count > (uint)array.Length)
        {
            throw new ArgumentOutOfRangeException(nameof(count));
        }

        return MemoryMarshal.CreateSpan(ref array[0], count);
    }
}
