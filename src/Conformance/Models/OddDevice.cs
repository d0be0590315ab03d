using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Models;

/// <summary>A device that does what the specification allows and few devices do.</summary>
/// <param name="Name">What it is called: <c>any-order</c>.</param>
/// <param name="Habit">What it does, in words.</param>
/// <param name="Prepare">Makes a model do so.</param>
public sealed record OddDevice(string Name, string Habit, Action<VirtioDeviceModel> Prepare)
{
    private const int Delay = 5;
    private const int ReadsBetweenChanges = 97;

    /// <summary>The devices; a good driver does all of its work with each, and breaks nothing.</summary>
    public static IReadOnlyList<OddDevice> All { get; } =
    [
        new OddDevice("any-order", "uses buffers in any order and in batches", model => Each(
            model, queue => queue.Policy = new RandomCompletion((ulong)queue.Index + 1))),
        new OddDevice("short-length", "tells of fewer bytes than it wrote", model => Each(
            model, queue => queue.Policy = new RandomCompletion((ulong)queue.Index + 1, shortens: true))),
        new OddDevice("newest-first", "uses the newest buffer first", model => Each(
            model, queue => queue.Policy = new ReversedCompletion())),
        new OddDevice("polling", "polls and never asks for a notification", model => Each(
            model, queue => queue.Notifications = NotificationMode.Never)),
        new OddDevice("always-notified", "always asks for notifications", model => Each(
            model, queue => queue.Notifications = NotificationMode.Always)),
        new OddDevice("slow-reset", "takes its time to reset, to suspend and to reset a queue", model =>
        {
            // A device that has been reset already shows no older status, so it cannot take its time either.
            model.OnRegisterWrite = _ => model.ResetDelay = model.Status == 0 ? 0 : Delay;
            model.SuspendDelay = Delay;
            model.QueueResetDelay = Delay;
        })
        {
            IsAboutRegisters = true,
        },
        new OddDevice("spurious-interrupts", "interrupts where nothing has happened", model =>
            model.OnRegisterWrite = what => OnNotification(model, what, model.SendUsedNotification))
        {
            IsAboutInterrupts = true,
        },
        new OddDevice("both-isr-bits", "tells of a change with each used buffer, and nothing has changed", model =>
            model.OnRegisterWrite = what => OnNotification(
                model, what, _ => model.ChangeConfiguration(static () => { })))
        {
            IsAboutInterrupts = true,
            IsAboutRegisters = true,
        },
        new OddDevice("one-vector", "can map one vector only", static _ => { }) { MappableVectors = 1 },
        new OddDevice("refused-vectors", "can map none of its vectors", static _ => { }) { MappableVectors = 0 },
        new OddDevice("changing-configuration", "changes its configuration under the reader", ChangeUnderReader)
        {
            IsAboutRegisters = true,
        },
    ];

    /// <summary>
    /// Those that a driver meets behind a front end as well, which has the registers and the interrupts itself.
    /// </summary>
    public static IReadOnlyList<OddDevice> Served { get; } =
        [.. All.Where(each => !each.IsAboutRegisters && each.MappableVectors is null)];

    /// <summary>The one of a name; null for none.</summary>
    public static OddDevice? Find(string? name)
    {
        foreach (OddDevice each in All)
        {
            if (each.Name == name)
            {
                return each;
            }
        }

        return null;
    }

    /// <summary>How many of its MSI-X vectors it can map; null for all. Only where it is a PCI function here.</summary>
    public int? MappableVectors { get; init; }

    /// <summary>Whether it is odd in its registers, or in what reading them does.</summary>
    public bool IsAboutRegisters { get; init; }

    /// <summary>Whether lines and messages make a difference.</summary>
    public bool IsAboutInterrupts { get; init; }

    private static void OnNotification(VirtioDeviceModel model, string write, Action<ModelQueue> act)
    {
        foreach (ModelQueue each in model.Queues)
        {
            if (each.Ring is not null && write == $"notify[{each.Index}]")
            {
                act(each);
            }
        }
    }

    private static void Each(VirtioDeviceModel model, Action<ModelQueue> prepare)
    {
        foreach (ModelQueue each in model.Queues)
        {
            prepare(each);
        }
    }

    /// <summary>The configuration of a disk changes now and then; nothing else has a field of 64 bits.</summary>
    private static void ChangeUnderReader(VirtioDeviceModel model)
    {
        int reads = 0;
        bool isChanging = false;
        model.BeforeConfigurationRead = () =>
        {
            if (model is BlockDevice disk && !isChanging && ++reads % ReadsBetweenChanges == 0)
            {
                isChanging = true;
                disk.Resize(disk.Disk.Length / BlockDevice.SectorLength);
                isChanging = false;
            }
        };
    }
}
