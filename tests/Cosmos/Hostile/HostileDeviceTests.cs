using System;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Tests.Hostile;
using VirtioGuest.Drivers.Virtio.Tests.Rings;

namespace VirtioGuest.Cosmos.Tests.Hostile;

/// <summary>
/// Disks and cards of a Cosmos kernel over devices that break every rule, in the middle of every call: no exception
/// but those that a call promises, no call without end, and no card that is in trouble and stays so in silence.
/// </summary>
/// <remarks>
/// A case is a number. A failure tells which; <c>VIRTIOGUEST_SEED</c> with that number runs this one case again.
/// </remarks>
public sealed class HostileDeviceTests
{
    [Test]
    public void No_hostile_device_breaks_a_call()
    {
        int first = FuzzSeed.Given ?? FuzzSeed.Draw();
        int cases = FuzzSeed.Given is null ? Nightly.Cases(1_500, 60_000) : 1;
        int used = 0;
        using var watchdog = new Watchdog(number => FuzzSeed.Describe(unchecked(first + (int)number)));
        for (int i = 0; i < cases; i++)
        {
            watchdog.Begin(i);
            int seed = unchecked(first + i);
            try
            {
                using HostileCase hostile = new(seed);
                used += hostile.Run() ? 1 : 0;
            }
            catch (Exception exception)
            {
                throw new InvalidOperationException(FuzzSeed.Describe(seed), exception);
            }
        }

        TestContext.Out.WriteLine($"seed {first}: {used} of {cases} were used");
        Assert.That(used, cases == 1 ? Is.Not.Negative : Is.GreaterThan(cases / 4));
    }
}
