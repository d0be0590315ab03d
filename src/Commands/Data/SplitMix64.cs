namespace VirtioGuest.Commands.Data;

/// <summary>
/// Steele, Lea and Flood's mixing function: a number that looks random for every number, computable anywhere.
/// </summary>
public static class SplitMix64
{
    /// <summary>The number that belongs to <paramref name="x"/>.</summary>
    public static ulong Mix(ulong x)
    {
        unchecked
        {
            ulong z = x + 0x9E3779B97F4A7C15;
            z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
            z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
            return z ^ (z >> 31);
        }
    }
}
