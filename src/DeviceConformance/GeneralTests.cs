using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>Status, features, configuration and reset (virtio 1.4, 2.1 to 2.5 and 3.1).</summary>
internal static class GeneralTests
{
    private const int Cycles = 10;
    private const int FeatureBits = 64;

    public static DeviceTest[] All =>
    [
        new("status.reset", "A reset sets the status to 0", "2.1.2", ResetClearsTheStatus),
        new("status.kept", "Each status bit is kept until the next reset", "2.1.2", StatusIsKept),
        new("status.not-live", "Nothing is done before DRIVER_OK", "2.1.2", NothingBeforeDriverOk) { IsPerForm = true },
        new("status.healthy", "Ordinary requests never end in DEVICE_NEEDS_RESET", "2.1.2", StaysHealthy),
        new("features.version-1", "VERSION_1 is offered", "6.2", OffersVersion1),
        new("features.stable", "The offer is the same however often it is read", "2.2.2", OfferIsStable),
        new("features.requirements", "No feature is offered without one that it needs", "2.2.2", OffersWhatIsNeeded),
        new("features.all", "All that is offered can be accepted", "2.2.2", TakesAll)
        {
            Level = RequirementLevel.Should,
        },
        new("features.each", "Each offered feature can be accepted alone", "2.2.2", TakesEach)
        {
            Level = RequirementLevel.Should,
        },
        new("features.refused", "FEATURES_OK is not kept for a feature that was not offered", "2.2.2", RefusesOthers),
        new("features.forgotten", "A reset forgets the features of before", "2.4.1", FeaturesAreForgotten),
        new("config.early", "The configuration can be read before FEATURES_OK", "2.5.2", ConfigurationIsEarly),
        new("config.generation", "The generation stays while nothing changes", "2.5.2", GenerationIsStable),
        new("config.widths", "Bytes, words and doublewords of the configuration agree", "4.1.3.1", WidthsAgree),
        new("config.read-only", "What is not for writing cannot be written", "2.5.2", ConfigurationIsReadOnly)
        {
            Level = RequirementLevel.Robustness,
        },
        new("config.quiet", "No configuration change is told of while nothing changes", "2.5.2", ConfigurationIsQuiet),
        new("suspend.stops", "A suspended device uses nothing, and goes on when it is resumed", "2.1.1, 3.4", Suspends)
        {
            IsPerForm = true,
        },
        new("reset.again", "A device that was reset can be used again and again", "2.4.1", CanBeUsedAgain)
        {
            IsPerForm = true,
        },
        new("reset.queues", "A reset stops the queues: later buffers are left alone", "2.4.1", StopsQueues)
        {
            IsPerForm = true,
        },
    ];

    private static void ResetClearsTheStatus(DeviceBench bench)
    {
        for (int cycle = 0; cycle < Cycles; cycle++)
        {
            DeviceBench.Require(bench.TryNegotiate(bench.Wanted()), "does not take VERSION_1 alone");
            bench.Reset();
            DeviceStatus status = bench.Transport.Status;
            DeviceBench.Require(status == DeviceStatus.None, "has status " + Hex((ulong)status) + " after a reset");
        }
    }

    private static void StatusIsKept(DeviceBench bench)
    {
        DeviceStatus written = DeviceStatus.None;
        foreach (DeviceStatus bit in (DeviceStatus[])[DeviceStatus.Acknowledge, DeviceStatus.Driver])
        {
            written |= bit;
            bench.Transport.Status = written;
            Expect(bench, written);
        }

        if (!bench.TryNegotiate(bench.Wanted()))
        {
            DeviceBench.Fail("does not take VERSION_1 alone");
        }

        Expect(bench, written | DeviceStatus.FeaturesOk);
        bench.GoLive();
        Expect(bench, written | DeviceStatus.FeaturesOk | DeviceStatus.DriverOk);
        bench.Idle();
        Expect(bench, written | DeviceStatus.FeaturesOk | DeviceStatus.DriverOk);
    }

    private static void Expect(DeviceBench bench, DeviceStatus wanted)
    {
        DeviceStatus status = bench.Transport.Status;
        DeviceBench.Require(
            status == wanted, "has status " + Hex((ulong)status) + " after " + Hex((ulong)wanted) + " was written");
    }

    private static void NothingBeforeDriverOk(DeviceBench bench)
    {
        DeviceKind kind = KindOf(bench);
        TestRing ring = bench.SetUp(kind);
        ring.EnableInterrupts();
        bench.HandOver(0);
        ring.Post(kind.Prepare(bench, 0));
        ring.Publish();
        bench.Idle();
        DeviceBench.Require(!ring.TryTake(out _), "uses a buffer before DRIVER_OK");
        DeviceBench.Require(bench.Interrupts(ring.Index) == 0, "interrupts before DRIVER_OK");
        bench.GoLive();
        ring.Kick();
        bench.Take(ring);
    }

    private static void StaysHealthy(DeviceBench bench)
    {
        DeviceKind kind = KindOf(bench);
        kind.Exercise(bench, bench.Start(kind), 100);
        DeviceBench.Require(
            (bench.Transport.Status & DeviceStatus.DeviceNeedsReset) == 0, "asks for a reset after ordinary requests");
    }

    private static void OffersVersion1(DeviceBench bench) =>
        DeviceBench.Require(bench.Offers(Features.Version1), "offers " + Hex((ulong)bench.Offered));

    private static void OfferIsStable(DeviceBench bench)
    {
        for (int look = 0; look < Cycles; look++)
        {
            Compare(bench, "when it is read again");
        }

        bench.TryNegotiate(bench.Wanted());
        Compare(bench, "after FEATURES_OK");
        bench.Reset();
        Compare(bench, "after a reset");
    }

    private static void Compare(DeviceBench bench, string when)
    {
        Features now = bench.ReadOffer();
        DeviceBench.Require(
            now == bench.Offered,
            "offers " + Hex((ulong)now) + " " + when + ", and offered " + Hex((ulong)bench.Offered));
    }

    private static void OffersWhatIsNeeded(DeviceBench bench)
    {
        (Features Feature, Features AnyOf)[] needs = DeviceKind.Of(bench.Transport.DeviceType)?.Dependencies ?? [];
        foreach ((Features feature, Features anyOf) in needs)
        {
            DeviceBench.Require(
                (bench.Offered & feature) == 0 || (bench.Offered & anyOf) != 0,
                "offers bit " + BitOf(feature) + " without any of " + Hex((ulong)anyOf));
        }
    }

    private static void TakesAll(DeviceBench bench) =>
        DeviceBench.Require(
            bench.TryNegotiate(bench.Offered), "does not take all of its offer, " + Hex((ulong)bench.Offered));

    private static void TakesEach(DeviceBench bench)
    {
        (Features Feature, Features AnyOf)[] needs = DeviceKind.Of(bench.Transport.DeviceType)?.Dependencies ?? [];
        for (int bit = 0; bit < FeatureBits; bit++)
        {
            var feature = (Features)(1UL << bit);
            if (!bench.Offers(feature))
            {
                continue;
            }

            Features all = WithNeeds(feature, needs, bench.Offered);
            DeviceBench.Require(
                bench.TryNegotiate(bench.Wanted(all)), "does not take bit " + DecimalText.Of((uint)bit) + " alone");
            bench.Reset();
        }
    }

    private static Features WithNeeds(
        Features features, (Features Feature, Features AnyOf)[] needs, Features offered)
    {
        Features before;
        do
        {
            before = features;
            foreach ((Features feature, Features anyOf) in needs)
            {
                features |= (features & feature) == 0 ? 0 : anyOf & offered;
            }
        }
        while (features != before);

        return features;
    }

    private static void RefusesOthers(DeviceBench bench)
    {
        int tried = 0;
        for (int bit = 0; bit < FeatureBits; bit++)
        {
            var feature = (Features)(1UL << bit);
            if (bench.Offers(feature))
            {
                continue;
            }

            tried++;
            DeviceBench.Require(
                !bench.TryNegotiate(bench.Wanted(feature)),
                "keeps FEATURES_OK with bit " + DecimalText.Of((uint)bit) + ", which it does not offer");
            bench.Reset();
        }

        if (tried == 0)
        {
            DeviceBench.Skip("offers everything");
        }
    }

    private static void FeaturesAreForgotten(DeviceBench bench)
    {
        bench.TryNegotiate(bench.Offered);
        bench.Reset();
        DeviceKind kind = KindOf(bench);
        kind.Exercise(bench, bench.Start(kind), 1);
    }

    private static void ConfigurationIsEarly(DeviceBench bench)
    {
        byte[] early = ReadAll(bench);
        bench.TryNegotiate(bench.Wanted());
        bench.GoLive();
        uint generation = bench.Transport.ConfigurationGeneration;
        byte[] live = ReadAll(bench);
        if (bench.ConfigurationInterrupts != 0 || bench.Transport.ConfigurationGeneration != generation)
        {
            DeviceBench.Skip("changes its configuration meanwhile");
        }

        // What comes first in each type's configuration is there whatever was negotiated.
        int compared = Math.Min(early.Length, AlwaysThere(bench));
        for (int i = 0; i < compared; i++)
        {
            DeviceBench.Require(
                early[i] == live[i],
                "tells another byte " + DecimalText.Of((uint)i) + " before FEATURES_OK than after");
        }
    }

    /// <summary>How many bytes of a type's configuration are of use without any feature.</summary>
    private static int AlwaysThere(DeviceBench bench) => bench.Transport.DeviceType == DeviceTypes.Block ? 8 : 0;

    private static void GenerationIsStable(DeviceBench bench)
    {
        bench.TryNegotiate(bench.Wanted());
        bench.GoLive();
        uint generation = bench.Transport.ConfigurationGeneration;
        byte[] first = ReadAll(bench);
        for (int look = 0; look < Cycles; look++)
        {
            byte[] again = ReadAll(bench);
            bool isSame = again.AsSpan().SequenceEqual(first);
            bool isSameGeneration = bench.Transport.ConfigurationGeneration == generation;
            DeviceBench.Require(isSame || !isSameGeneration, "changes its configuration within one generation");
            DeviceBench.Require(
                isSameGeneration || !isSame, "changes its generation though its configuration stays as it is");
        }
    }

    private static void WidthsAgree(DeviceBench bench)
    {
        VirtioTransport transport = bench.Transport;
        for (uint offset = 0; offset + 4 <= LengthOf(bench); offset += 4)
        {
            uint wide = transport.ReadConfiguration32(offset);
            uint halves = transport.ReadConfiguration16(offset)
                | ((uint)transport.ReadConfiguration16(offset + 2) << 16);
            uint bytes = 0;
            for (int i = 3; i >= 0; i--)
            {
                bytes = (bytes << 8) | transport.ReadConfiguration8(offset + (uint)i);
            }

            DeviceBench.Require(
                wide == bytes && wide == halves,
                "reads differently in different widths at " + DecimalText.Of(offset) + ": " + Hex(bytes) + ", "
                    + Hex(halves) + ", " + Hex(wide));
        }
    }

    private static void ConfigurationIsReadOnly(DeviceBench bench)
    {
        if (bench.Transport.DeviceType != DeviceTypes.Block)
        {
            DeviceBench.Skip("has no field that is known to be for reading only");
        }

        // The capacity.
        bench.TryNegotiate(bench.Wanted());
        ulong capacity = bench.Transport.ReadConfiguration64(0);
        bench.Transport.WriteConfiguration32(0, (uint)~capacity);
        ulong now = bench.Transport.ReadConfiguration64(0);
        DeviceBench.Require(now == capacity, "lets the driver change its capacity to " + DecimalText.Of(now));
    }

    private static void ConfigurationIsQuiet(DeviceBench bench)
    {
        DeviceKind kind = KindOf(bench);
        TestRing ring = bench.Start(kind);
        if (bench.Transport.VectorOf(ring.Index) == 0)
        {
            DeviceBench.Skip("has one message for everything");
        }

        byte[] before = ReadAll(bench);
        kind.Exercise(bench, ring, 20);
        bench.Idle();
        DeviceBench.Require(
            bench.ConfigurationInterrupts == 0 || !ReadAll(bench).AsSpan().SequenceEqual(before),
            "tells of " + DecimalText.Of((uint)bench.ConfigurationInterrupts) + " configuration changes, and none was");
    }

    private static void Suspends(DeviceBench bench)
    {
        bench.Need(Features.Suspend, "SUSPEND");
        DeviceKind kind = KindOf(bench);
        TestRing ring = bench.Start(kind, Features.Suspend);
        kind.Exercise(bench, ring, 3);
        DeviceStatus live = bench.Transport.Status;
        bench.Transport.Status = live | DeviceStatus.Suspend;
        DeviceBench.Require(
            bench.WaitFor(() => (bench.Transport.Status & DeviceStatus.Suspend) != 0, DeviceBench.AnswerLimit),
            "does not suspend");
        TestSegment[] chain = kind.Prepare(bench, 0);
        bench.HandOver(0);
        ushort id = ring.Post(chain);
        ring.Publish();
        bench.Idle();
        DeviceBench.Require(!ring.TryTake(out _), "uses a buffer while it is suspended");
        bench.Transport.Status = live;
        DeviceBench.Require(
            bench.WaitFor(() => (bench.Transport.Status & DeviceStatus.DriverOk) != 0, DeviceBench.AnswerLimit),
            "does not go on");
        ring.Kick();
        DeviceBench.Require(bench.Take(ring).Id == id, "gives back another buffer than was available");
    }

    private static void CanBeUsedAgain(DeviceBench bench)
    {
        DeviceKind kind = KindOf(bench);
        for (int cycle = 0; cycle < Cycles; cycle++)
        {
            kind.Exercise(bench, bench.Start(kind), 3);
            bench.Reset();
        }
    }

    private static void StopsQueues(DeviceBench bench)
    {
        DeviceKind kind = KindOf(bench);
        TestRing ring = bench.Start(kind);
        kind.Exercise(bench, ring, 2);
        bench.Reset();
        TestSegment[] chain = kind.Prepare(bench, 0);
        bench.HandOver(0);
        ring.Post(chain);
        ring.Publish();
        bench.Idle();
        DeviceBench.Require(!ring.TryTake(out _), "uses a buffer of a queue after it was reset");
        ring.Kick();
        bench.Idle();
        DeviceBench.Require(!ring.TryTake(out _), "uses a buffer of a queue after it was reset, once notified");
        bench.TakeBack(0);
        DeviceBench.Require(!kind.WasDone(bench, 0), "does a request of a queue after it was reset");
        bench.Reset();
        kind.Exercise(bench, bench.Start(kind), 2);
    }

    private static byte[] ReadAll(DeviceBench bench)
    {
        byte[] bytes = new byte[LengthOf(bench)];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = bench.Transport.ReadConfiguration8((uint)i);
        }

        return bytes;
    }

    /// <summary>How much of the configuration is looked at: whole words that the types are known to have.</summary>
    private static uint LengthOf(DeviceBench bench) =>
        Math.Min(bench.Transport.ConfigurationLength, bench.Transport.DeviceType switch
        {
            DeviceTypes.Block => 56u,
            DeviceTypes.Network => 24u,
            _ => 0u,
        });

    internal static DeviceKind KindOf(DeviceBench bench)
    {
        DeviceKind? kind = DeviceKind.Of(bench.Transport.DeviceType);
        if (kind is null)
        {
            DeviceBench.Skip("is of a type that no request is known for");
        }

        return kind;
    }

    internal static string Hex(ulong value) => "0x" + Hexadecimal.Format(value);

    private static string BitOf(Features feature) =>
        DecimalText.Of((uint)System.Numerics.BitOperations.TrailingZeroCount((ulong)feature));
}
