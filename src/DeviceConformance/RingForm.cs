using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.DeviceConformance;

/// <summary>A format of the rings with the features that change how it is used.</summary>
internal sealed class RingForm
{
    private static readonly RingForm[] s_all =
    [
        new RingForm("split", Features.None),
        new RingForm("split, event index", Features.EventIdx),
        new RingForm("packed", Features.RingPacked),
        new RingForm("packed, event index", Features.RingPacked | Features.EventIdx),
    ];

    private RingForm(string name, Features features)
    {
        Name = name;
        Features = features;
    }

    /// <summary>What it is called.</summary>
    public string Name { get; }

    /// <summary>The features that make it.</summary>
    public Features Features { get; }

    /// <summary>Whether the ring is a packed one.</summary>
    public bool IsPacked => (Features & Features.RingPacked) != 0;

    /// <summary>Whether each side names the buffer from which on it wants to be notified.</summary>
    public bool HasEventIndex => (Features & Features.EventIdx) != 0;

    /// <summary>The forms that a device offers, in the order in which they are tested.</summary>
    public static List<RingForm> OfferedBy(Features offered)
    {
        var forms = new List<RingForm>();
        foreach (RingForm form in s_all)
        {
            if ((form.Features & ~offered) == 0)
            {
                forms.Add(form);
            }
        }

        return forms;
    }
}
