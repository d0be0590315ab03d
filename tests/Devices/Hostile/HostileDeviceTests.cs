using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Hostile;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Hostile;

/// <summary>The device behind lies: honest in what it is not told to be hostile in.</summary>
internal sealed class HostileDeviceTests
{
    private const int Requests = 40;
    private const int Size = 64;
    private const ulong Buffers = GuestRam.Base + 0x100000;

    [Test]
    public void Honest_requests_are_answered_with_zeros_each_once([Values] bool isPacked)
    {
        using MmioBench<HostileDevice> bench = Create(Hostility.None);
        (int used, bool isNoise) = Serve(bench, isPacked);
        Assert.That((used, isNoise), Is.EqualTo((Requests, false)));
        bench.Device.ForgeRings();
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void Hostile_requests_are_answered_with_anything_or_never([Values] bool isPacked)
    {
        using MmioBench<HostileDevice> bench = Create(Hostility.Requests);
        (int used, bool isNoise) = Serve(bench, isPacked);
        Assert.That(used, Is.LessThan(Requests).And.GreaterThan(0));
        Assert.That(isNoise, Is.True);
    }

    [Test]
    public void Forged_rings_are_written_all_over_and_nothing_else_is([Values] bool isPacked)
    {
        using MmioBench<HostileDevice> bench = Create(Hostility.Rings);
        HandRing ring = bench.Start(isPacked ? FeatureBit.RingPacked : 0, Size)[0];
        byte[] before = bench.Ram.At(GuestRam.Base, GuestRam.Length).ToArray();
        for (int i = 0; i < 5000; i++)
        {
            bench.Device.ForgeRings();
        }

        byte[] after = bench.Ram.At(GuestRam.Base, GuestRam.Length).ToArray();
        int[] changed = [.. Enumerable.Range(0, before.Length).Where(i => before[i] != after[i])];
        Assert.That(changed.Max(), Is.LessThan(0x2000), "the ring's own memory");
        Assert.That(changed.Count(i => i < 16 * Size), Is.GreaterThan(Size), "descriptors");
        Assert.That(Touches(changed, ring.Areas.Driver), Is.True);
        Assert.That(Touches(changed, ring.Areas.Device), Is.True);
        bench.WriteStatus(0);
        bench.Device.ForgeRings();
        Assert.That(bench.Ram.At(GuestRam.Base, GuestRam.Length).ToArray(), Is.EqualTo(after), "no queue is enabled");
    }

    private static MmioBench<HostileDevice> Create(Hostility hostility) =>
        new(ram => new HostileDevice(2, 1, 8, ram.Regions, new SeededRandom(3), hostility));

    private static bool Touches(int[] changed, ulong area) =>
        changed.Any(i => i >= (int)(area - GuestRam.Base) && i < (int)(area - GuestRam.Base) + 4);

    private static (int Used, bool IsNoise) Serve(MmioBench<HostileDevice> bench, bool isPacked)
    {
        HandRing ring = bench.Start(isPacked ? FeatureBit.RingPacked : 0, Size)[0];
        bool isNoise = false;
        int used = 0;
        for (int i = 0; i < Requests; i++)
        {
            bench.Ram.At(Buffers, 16).Clear();
            ring.Add(new Piece(Buffers, 16, true));
            bench.Notify(0);
            bench.Device.Run();
            used += ring.TakeAllUsed().Length;
            isNoise |= bench.Ram.At(Buffers, 16).ContainsAnyExcept((byte)0);
        }

        return (used, isNoise);
    }
}
