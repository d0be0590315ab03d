using System;
using System.Diagnostics;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Drivers.Virtio.Tests.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>
/// Whole drivers, from enumeration to the last reset, against devices that break every rule: no exception, no access
/// outside memory, no call without end, no request lost or invented, nothing allocated on the data path, all memory
/// freed or quarantined.
/// </summary>
/// <remarks>
/// A case is a number. A failure tells which; <c>VIRTIOGUEST_SEED</c> with that number runs this one case again.
/// </remarks>
public class HostileDeviceTests
{
    /// <summary>Cases that run before allocation is watched, because first times allocate.</summary>
    private const int WarmUp = 300;

    [Test]
    public void No_hostile_device_gets_through()
    {
        if (FuzzSeed.Given is int given)
        {
            TestContext.Out.WriteLine($"{Try(given, false)}, {Try(given, true)}");
            return;
        }

        int seed = FuzzSeed.Draw();
        int cases = Nightly.Cases(8_000, 300_000);
        int[] outcomes = new int[Enum.GetValues<HostileOutcome>().Length];
        Stopwatch time = Stopwatch.StartNew();
        using Watchdog watchdog = new Watchdog(number => FuzzSeed.Describe(unchecked(seed + (int)number)));
        for (int i = 0; i < cases; i++)
        {
            watchdog.Begin(i);
            outcomes[(int)Try(unchecked(seed + i), i >= WarmUp)]++;
        }

        string counts = string.Join(", ", Enum.GetValues<HostileOutcome>().Select(o => $"{outcomes[(int)o]} {o}"));
        TestContext.Out.WriteLine($"seed {seed}: {cases} cases in {time.Elapsed.TotalSeconds:F1} s: {counts}");
        Assert.That(outcomes, Is.All.GreaterThan(cases / 100), "every end is reached");
    }

    [Test]
    public void No_single_hostility_gets_through([Values] Hostility hostility)
    {
        int cases = Nightly.Cases(100, 5_000);
        int seed = FuzzSeed.Given ?? FuzzSeed.Draw();
        for (int i = 0; i < (FuzzSeed.Given == null ? cases : 1); i++)
        {
            Try(unchecked(seed + i), false, hostility);
        }
    }

    private static HostileOutcome Try(
        int seed, bool allocatesNothing, Hostility? hostility = null, bool isAgain = false)
    {
        try
        {
            return HostileCase.Run(seed, allocatesNothing, hostility);
        }
        catch (BrokenPromiseException exception) when (exception.MayBeTheRuntimes && !isAgain)
        {
            return Try(seed, allocatesNothing, hostility, isAgain: true);
        }
        catch (Exception exception)
        {
            throw new BrokenPromiseException(FuzzSeed.Describe(seed), exception);
        }
    }
}
