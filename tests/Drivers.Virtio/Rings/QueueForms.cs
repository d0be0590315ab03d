using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>The forms that a queue can have.</summary>
internal static class QueueForms
{
    private static readonly RingFeatures[] s_options =
    {
        RingFeatures.IndirectDesc, RingFeatures.EventIdx, RingFeatures.InOrder, RingFeatures.OrderPlatform,
    };

    /// <summary>Both formats and nothing else.</summary>
    public static readonly RingFeatures[] Formats = { RingFeatures.Packed, RingFeatures.None };

    /// <summary>Both formats with every combination of the other features that change what a queue does.</summary>
    public static IEnumerable<RingFeatures> All
    {
        get
        {
            foreach (RingFeatures format in Formats)
            {
                for (int choice = 0; choice < 1 << s_options.Length; choice++)
                {
                    RingFeatures features = format;
                    for (int i = 0; i < s_options.Length; i++)
                    {
                        features |= (choice & (1 << i)) != 0 ? s_options[i] : RingFeatures.None;
                    }

                    yield return features;
                }
            }
        }
    }
}
