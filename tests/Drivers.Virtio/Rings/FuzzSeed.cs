using System;
using System.Globalization;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>Where fuzzing begins: at a seed of its own each time, or at the one case that is to be run again.</summary>
internal static class FuzzSeed
{
    private const string Variable = "VIRTIOGUEST_SEED";

    /// <summary>The case that somebody asks for by <c>VIRTIOGUEST_SEED</c>.</summary>
    public static int? Given =>
        Environment.GetEnvironmentVariable(Variable) is string text
            ? int.Parse(text, CultureInfo.InvariantCulture)
            : null;

    /// <summary>A seed that differs from run to run.</summary>
    public static int Draw() => unchecked((int)(DateTime.UtcNow.Ticks * 0x9E3779B1L >> 16));

    /// <summary>How to run a case again.</summary>
    public static string Describe(int seed) => string.Create(CultureInfo.InvariantCulture, $"{Variable}={seed}");
}
