using System;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The random bytes that LibOS gives the program.</summary>
internal static unsafe class LibOsEntropy
{
    /// <summary>Mixes bytes into what the next random bytes are made of. Bad ones do no harm.</summary>
    public static void Add(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* first = bytes)
        {
            LibOsCalls.AddEntropy(first, (ulong)bytes.Length);
        }
    }
}
