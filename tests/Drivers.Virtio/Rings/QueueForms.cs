using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>The forms that a queue can have.</summary>
internal static class QueueForms
{
    private static readonly Features[] s_options =
    {
        Features.IndirectDesc, Features.EventIdx, Features.InOrder, Features.OrderPlatform,
    };

    /// <summary>Both formats and nothing else.</summary>
    public static readonly Features[] Formats = { Features.RingPacked, Features.None };

    /// <summary>Both formats with every combination of the other features that change what a queue does.</summary>
    public static IEnumerable<Features> All
    {
        get
        {
            foreach (Features format in Formats)
            {
                for (int choice = 0; choice < 1 << s_options.Length; choice++)
                {
                    Features features = format;
                    for (int i = 0; i < s_options.Length; i++)
                    {
                        features |= (choice & (1 << i)) != 0 ? s_options[i] : Features.None;
                    }

                    yield return features;
                }
            }
        }
    }
}
