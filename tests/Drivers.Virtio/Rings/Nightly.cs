using System;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>How much is tried: a sample ordinarily, everything with VIRTIOGUEST_NIGHTLY=1.</summary>
internal static class Nightly
{
    public static bool IsOn => Environment.GetEnvironmentVariable("VIRTIOGUEST_NIGHTLY") == "1";

    /// <summary>How many cases to try.</summary>
    public static int Cases(int ordinarily, int nightly) => IsOn ? nightly : ordinarily;
}
