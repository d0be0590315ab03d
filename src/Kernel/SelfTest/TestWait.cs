using System;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>How long a self-test waits for what has to happen soon.</summary>
/// <remarks>
/// In several parts: while the machine was stopped by its monitor, time may have gone on, but that ends one part only.
/// </remarks>
internal static class TestWait
{
    private const int Parts = 4;

    private static readonly TimeSpan s_part = TimeSpan.FromSeconds(10);

    /// <summary>Waits.</summary>
    /// <param name="wait">Waits for at most the time that it is given, and tells whether it was in vain.</param>
    /// <returns>Whether it was not in vain in the end.</returns>
    public static bool For(Func<TimeSpan, bool> wait)
    {
        for (int part = 0; part < Parts; part++)
        {
            if (wait(s_part))
            {
                return true;
            }
        }

        return false;
    }
}
