using System;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conform.Own;

/// <summary>A device that does what none may, until it is told to stop.</summary>
/// <param name="Name">What it is called: <c>double-completion</c>.</param>
/// <param name="Habit">What it does, in words.</param>
/// <param name="IsHarmless">
/// Whether a good driver goes on as if nothing were. Otherwise it may fail what it was asked for; then it says so,
/// stops using the device, and can start it again.
/// </param>
/// <param name="Begin">Makes a model do so; what it returns makes it stop.</param>
internal sealed record BadDevice(
    string Name, string Habit, bool IsHarmless, Func<VirtioDeviceModel, Action> Begin)
{
    private const int Late = 9;

    /// <summary>The devices.</summary>
    public static IReadOnlyList<BadDevice> All { get; } =
    [
        new("longer-length", "tells of more bytes than there is room for", true, model =>
            Each(model, queue => queue.ForcedLength = uint.MaxValue, queue => queue.ForcedLength = null)),
        new("unknown-features", "offers features that nobody has thought of yet", true, model =>
        {
            model.FalseFeatures = (1UL << 46) | (1UL << 47);
            return () => model.FalseFeatures = 0;
        }),
        new("features-refused", "takes no features", false, model =>
        {
            model.RefusesFeatures = true;
            return () => model.RefusesFeatures = false;
        }),
        new("no-status", "answers requests without a status", false, model =>
        {
            if (model is BlockDevice disk)
            {
                disk.WritesNoStatus = true;
                return () => disk.WritesNoStatus = false;
            }

            return () => { };
        }),
        new("wrong-buffer-count", "says that a frame lies in more buffers than it does", false, model =>
        {
            if (model is NetDevice card)
            {
                card.ForcedBufferCount = 99;
                return () => card.ForcedBufferCount = null;
            }

            return () => { };
        }),
        new("unknown-id", "gives back a buffer that nobody gave it", false, model =>
            Forge(model, queue => queue.Ring!.Forge(ushort.MaxValue))),
        new("double-completion", "gives a buffer back twice", false, model =>
            Forge(model, queue => queue.Ring!.Forge(0))),
        new("used-index-jump", "goes on in the ring by more than there is in it", false, model =>
            Forge(model, queue => queue.Ring!.Forge(0, 0, queue.Size))),
        new("no-queue", "has no queues", false, model =>
        {
            ushort size = model.Queues[0].MaximumSize;
            Action heal = Each(model, queue => queue.MaximumSize = 0, queue => queue.MaximumSize = size);
            return heal;
        }),
    ];

    /// <summary>A device that asks for a reset when the driver has done so many steps.</summary>
    /// <param name="step">How many register writes and notifications there are before.</param>
    public static BadDevice NeedsResetAt(int step) => new(
        $"needs-reset-{step}", $"asks for a reset after {step} steps", false, model => AtStep(model, step, () =>
            model.SetNeedsReset("it was to")));

    /// <summary>Has something happen once, after so many register writes.</summary>
    private static Action AtStep(VirtioDeviceModel model, int step, Action what)
    {
        int left = step;
        model.OnRegisterWrite = _ =>
        {
            if (left-- == 0)
            {
                what();
            }
        };
        return () => model.OnRegisterWrite = null;
    }

    private static Action Each(VirtioDeviceModel model, Action<ModelQueue> begin, Action<ModelQueue> end)
    {
        foreach (ModelQueue each in model.Queues)
        {
            begin(each);
        }

        return () =>
        {
            foreach (ModelQueue each in model.Queues)
            {
                end(each);
            }
        };
    }

    /// <summary>Writes into the ring of the queue that is notified, when the driver has come some way.</summary>
    private static Action Forge(VirtioDeviceModel model, Action<ModelQueue> forge)
    {
        int left = Late;
        model.OnRegisterWrite = what =>
        {
            foreach (ModelQueue each in model.Queues)
            {
                if (what == $"notify[{each.Index}]" && left-- == 0 && each.Ring is { Error: QueueError.None })
                {
                    forge(each);
                    model.SendUsedNotification(each);
                }
            }
        };
        return () => model.OnRegisterWrite = null;
    }
}
