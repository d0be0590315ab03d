using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Random operation sequences against a reference. A failure prints the seed that brings it back.
/// </summary>
public class QueueProperties
{
    private static Config Many => Config.QuickThrowOnFailure
        .WithMaxTest(Nightly.Cases(3000, 60_000)).WithEndSize(300);

    private static Gen<int[]> Operations => Gen.Choose(0, 1 << 20).ArrayOf();

    private static Gen<Features> FeatureSets => Gen.Elements(QueueForms.All);

    [Test]
    public void Driver_and_reference_agree_on_every_sequence()
    {
        Gen<Scenario> scenarios =
            from features in FeatureSets
            from size in Gen.Choose(1, 33)
            from isCoherent in Gen.Elements(false, true)
            from operations in Operations
            select new Scenario(features, Virtqueue.LargestSize(features, size), isCoherent, operations);
        Prop.ForAll(scenarios.ToArbitrary(), scenario => { Run(scenario); }).Check(Many);
    }

    [Test]
    public void Packed_rings_of_any_size_work()
    {
        Gen<Scenario> scenarios =
            from features in FeatureSets
            from size in Gen.Choose(34, 5000)
            from isCoherent in Gen.Elements(false, true)
            from operations in Operations
            select new Scenario(features | Features.RingPacked, size, isCoherent, operations);
        Prop.ForAll(scenarios.ToArbitrary(), scenario => { Run(scenario); }).Check(Many.WithMaxTest(300));
    }

    [Test]
    public void Packed_and_split_give_the_same_results_at_powers_of_two()
    {
        Gen<Scenario> scenarios =
            from features in FeatureSets
            from exponent in Gen.Choose(0, 6)
            from isCoherent in Gen.Elements(false, true)
            from operations in Operations
            select new Scenario(features & ~Features.RingPacked, 1 << exponent, isCoherent, operations);
        Prop.ForAll(scenarios.ToArbitrary(), scenario =>
        {
            long[] split = Run(scenario);
            long[] packed = Run(scenario with { Features = scenario.Features | Features.RingPacked });
            return split.SequenceEqual(packed);
        }).Check(Many);
    }

    private static long[] Run(Scenario scenario)
    {
        using QueueScenario run = new QueueScenario(scenario.Features, scenario.Size, scenario.IsCoherent);
        run.Run(scenario.Operations);
        return run.Trace.ToArray();
    }

    private sealed record Scenario(Features Features, int Size, bool IsCoherent, int[] Operations);
}
