using System;

namespace VirtioGuest.Kernel.Machine;

/// <summary>How LibOS calls say no: a negated Linux error number, as Linux system calls do.</summary>
internal static class LibOsError
{
    /// <summary>Past the end of a list (ENOENT).</summary>
    public const long NoEntry = -2;

    /// <summary>Input was lost (EIO).</summary>
    public const long InputOutput = -5;

    /// <summary>A wait was ended by a release (ECANCELED).</summary>
    public const long Cancelled = -125;

    private const long Lowest = -4095;

    /// <summary>Whether a result is an error. An address in the upper half is none, though it is negative.</summary>
    public static bool IsError(long result) => result is < 0 and >= Lowest;

    /// <summary>Stops the program where a call that cannot fail did.</summary>
    /// <exception cref="InvalidOperationException">The result is an error.</exception>
    public static void ThrowIfError(long result, string call)
    {
        if (IsError(result))
        {
            throw new InvalidOperationException(call + " failed with error " + (-result).ToString());
        }
    }
}
