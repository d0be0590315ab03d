using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>The forms of queues that the proofs are run over, and their names.</summary>
internal static class Form
{
    public const RingFeatures Packed = RingFeatures.Packed;
    public const RingFeatures Split = RingFeatures.None;
    public const RingFeatures PackedEvents = Packed | RingFeatures.EventIdx;
    public const RingFeatures SplitEvents = Split | RingFeatures.EventIdx;
    public const RingFeatures PackedTables = Packed | RingFeatures.IndirectDesc;
    public const RingFeatures SplitTables = Split | RingFeatures.IndirectDesc;
    public const RingFeatures PackedInOrder = Packed | RingFeatures.InOrder;
    public const RingFeatures SplitInOrder = Split | RingFeatures.InOrder;

    private const RingFeatures Everything =
        RingFeatures.EventIdx | RingFeatures.IndirectDesc | RingFeatures.InOrder | RingFeatures.OrderPlatform;

    private static readonly (RingFeatures Feature, string Name)[] s_names =
    {
        (RingFeatures.EventIdx, "EVENT_IDX"),
        (RingFeatures.IndirectDesc, "INDIRECT_DESC"),
        (RingFeatures.InOrder, "IN_ORDER"),
        (RingFeatures.OrderPlatform, "ORDER_PLATFORM"),
    };

    /// <summary>
    /// Each format plain, with each feature alone, and with all of them. ORDER_PLATFORM alone changes nothing that a
    /// simulation sees.
    /// </summary>
    public static IEnumerable<RingFeatures> All
    {
        get
        {
            foreach (RingFeatures format in new[] { Packed, Split })
            {
                yield return format;
                yield return format | RingFeatures.EventIdx;
                yield return format | RingFeatures.IndirectDesc;
                yield return format | RingFeatures.InOrder;

                yield return format | Everything;
            }
        }
    }

    /// <summary>A form in the specification's words.</summary>
    public static string NameOf(RingFeatures form)
    {
        string name = (form & Packed) != 0 ? "packed" : "split";
        foreach ((RingFeatures feature, string word) in s_names)
        {
            name += (form & feature) != 0 ? ", " + word : string.Empty;
        }

        return name;
    }
}
