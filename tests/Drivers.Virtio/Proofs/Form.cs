using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>The forms of queues that the proofs are run over, and their names.</summary>
internal static class Form
{
    public const Features Packed = Features.RingPacked;
    public const Features Split = Features.None;
    public const Features PackedEvents = Packed | Features.EventIdx;
    public const Features SplitEvents = Split | Features.EventIdx;
    public const Features PackedTables = Packed | Features.IndirectDesc;
    public const Features SplitTables = Split | Features.IndirectDesc;
    public const Features PackedInOrder = Packed | Features.InOrder;
    public const Features SplitInOrder = Split | Features.InOrder;

    private const Features Everything =
        Features.EventIdx | Features.IndirectDesc | Features.InOrder | Features.OrderPlatform;

    private static readonly (Features Feature, string Name)[] s_names =
    {
        (Features.EventIdx, "EVENT_IDX"),
        (Features.IndirectDesc, "INDIRECT_DESC"),
        (Features.InOrder, "IN_ORDER"),
        (Features.OrderPlatform, "ORDER_PLATFORM"),
    };

    /// <summary>
    /// Each format plain, with each feature alone, and with all of them. ORDER_PLATFORM alone changes nothing that a
    /// simulation sees.
    /// </summary>
    public static IEnumerable<Features> All
    {
        get
        {
            foreach (Features format in new[] { Packed, Split })
            {
                yield return format;
                yield return format | Features.EventIdx;
                yield return format | Features.IndirectDesc;
                yield return format | Features.InOrder;

                yield return format | Everything;
            }
        }
    }

    /// <summary>A form in the specification's words.</summary>
    public static string NameOf(Features form)
    {
        string name = (form & Packed) != 0 ? "packed" : "split";
        foreach ((Features feature, string word) in s_names)
        {
            name += (form & feature) != 0 ? ", " + word : string.Empty;
        }

        return name;
    }
}
