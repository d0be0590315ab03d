using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Conformance;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>A simulated machine with one virtio device, a student's driver on it, and the judge in between.</summary>
internal sealed class LabRig : IDisposable
{
    /// <summary>The device's number on the bus.</summary>
    public const byte Device = 5;

    /// <summary>What explains other breaches comes first.</summary>
    private static readonly string[] s_first =
    [
        "drv.pci.44", "drv.pci.5", "drv.general.2", "drv.pci.19", "drv.pci.18", "drv.general.1", "drv.general.21",
    ];

    private static readonly string[] s_overdue = ["drv.split.22", "drv.split.24", "drv.packed.23"];

    private readonly PciDeviceFunction _function;
    private readonly QueueLook _look;
    private readonly string[] _passedOver;

    /// <summary>Builds a machine.</summary>
    /// <param name="create">Makes the device.</param>
    /// <param name="offered">Which features it offers.</param>
    /// <param name="options">What it looks like on the bus.</param>
    /// <param name="passedOver">Requirements that the lab does not ask for yet.</param>
    /// <param name="largestQueue">How many descriptors its queues may have.</param>
    public LabRig(
        Func<GuestMemory, VirtioDeviceModel> create,
        ulong offered,
        PciFunctionOptions? options = null,
        string[]? passedOver = null,
        ushort largestQueue = 8)
    {
        Model = create(CheckRecording.ViewOf(Machine.Memory));
        _look = new QueueLook(Model);
        Model.OfferedFeatures = offered;
        foreach (ModelQueue each in Model.Queues)
        {
            each.MaximumSize = largestQueue;
            each.IsStrict = true;
        }

        PciFunctionOptions used = options ?? new PciFunctionOptions();
        WatchedOutput output = ModelWatch.WatchOutput(
            new RecordedOutput(Machine.Messages.OutputTo(used.InterruptLine)));
        _function = new PciDeviceFunction(Model, output, used);
        Watch = new ModelWatch("your driver", _function, CheckRecording.OnlookersViewOf(Machine.Memory));
        output.Watch = Watch;
        Machine.Plug(Watch.Function, Device);
        Dog = new Watchdog(Act, Progress, () => HangExplanation.Of(Model, _function.CanAccessMemory));
        Lab = new LabMachine(
            Machine, Machine.Bus, CheckRecording.Current is null ? Dog : new RecordedWatch(Dog, _look));
        _passedOver = passedOver ?? [];
    }

    /// <summary>The machine.</summary>
    public SimulatedMachine Machine { get; } = new();

    /// <summary>The device.</summary>
    public VirtioDeviceModel Model { get; }

    /// <summary>Its only queue, or its first.</summary>
    public ModelQueue Queue => Model.Queues[0];

    /// <summary>The judge's eyes.</summary>
    public ModelWatch Watch { get; }

    /// <summary>Who lets the device act.</summary>
    public Watchdog Dog { get; }

    /// <summary>The machine as the student sees it.</summary>
    public LabMachine Lab { get; }

    /// <summary>Whether the driver has let the device reach memory.</summary>
    public bool IsBusMaster => _function.CanAccessMemory;

    /// <summary>Does labs 1 and 2 for the student: the device is found, and FEATURES_OK is set.</summary>
    public VirtioFunction Negotiated(ushort deviceType, ulong understood = 0)
    {
        VirtioFunction device = EarlierLabs.Find(Lab, deviceType)
            ?? throw new InvalidOperationException("The device was not found.");
        EarlierLabs.Negotiate(Lab, device, understood);
        return device;
    }

    /// <summary>
    /// Has the student's driver do something, and fails the check where it throws or hangs. What the judge has against
    /// the driver comes first, because it is why the rest went wrong.
    /// </summary>
    public T Do<T>(string what, Func<T> driver)
    {
        CheckRecording.Current?.Say(what);
        try
        {
            T result = driver();
            Judge();
            return result;
        }
        catch (Exception e) when (e is not CheckFailedException)
        {
            Finding finding = StudentFailure.Of(e, what);
            if (e is NotDoneYetException)
            {
                throw new CheckFailedException(finding);
            }

            // What a driver owes at rest is no fault of one that was interrupted.
            Finding? breach = Breach(e is DriverHangsException ? [] : s_overdue);
            throw new CheckFailedException(breach is null
                ? finding
                : breach with { Seen = $"{finding.Seen}. What went before: {breach.Seen}" });
        }
    }

    /// <summary>The same where nothing is returned.</summary>
    public void Do(string what, Action driver) => Do(what, () =>
    {
        driver();
        return true;
    });

    /// <summary>Fails the check where the driver has broken a rule so far.</summary>
    public void Judge()
    {
        if (Breach([]) is { } breach)
        {
            throw new CheckFailedException(breach);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Machine.Dispose();

    private Finding? Breach(string[] alsoPassedOver)
    {
        Watch.Rest();
        IEnumerable<Verdict> broken = Watch.Judge.Conclude().Where(each =>
            each.Outcome == Outcome.Fail
            && !_passedOver.Contains(each.Requirement.Id)
            && !alsoPassedOver.Contains(each.Requirement.Id));
        return broken
            .OrderBy(each => (uint)Array.IndexOf(s_first, each.Requirement.Id))
            .ThenBy(each => each.Requirement.Severity)
            .Select(BreachText.Of)
            .FirstOrDefault();
    }

    private void Act()
    {
        _look.Look();
        Model.Run();
    }

    /// <summary>Changes whenever the device or its rings do.</summary>
    private long Progress()
    {
        long progress = Model.Status;
        foreach (ModelQueue each in Model.Queues)
        {
            progress = (progress * 31) + (long)each.NotificationsReceived + (each.IsEnabled ? 1 : 0);
            progress = (progress * 31) + (long)(each.Ring?.Taken ?? 0);
            progress = (progress * 31) + (long)(each.Ring?.Used ?? 0);
        }

        return progress;
    }
}
