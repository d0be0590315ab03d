using System;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>
/// A machine in a memory with weak ordering: driver and device are two processors, and an explorer tries the schedules.
/// The device polls, so that no notification puts anything in order.
/// </summary>
internal static class WeakRig
{
    private const string Expected =
        "what is published is stored with release after all that it stands for; the other side loads it with acquire "
        + "before it reads any of that";

    /// <summary>A driver over a device model.</summary>
    /// <param name="create">Makes the device, offering nothing but VERSION_1.</param>
    /// <param name="deviceType">Its type.</param>
    /// <param name="start">Makes the student's driver and starts it; nothing else runs yet.</param>
    /// <param name="drive">What the driver does while the device works.</param>
    public static void Explore<T, TModel>(
        Func<GuestMemory, TModel> create,
        ushort deviceType,
        Func<LabMachine, VirtioFunction, T> start,
        Action<T, TModel> drive)
        where TModel : VirtioDeviceModel
    {
        RingNames names = new RingNames();
        Explore(memory =>
        {
            TModel model = create(memory.GuestMemory);
            model.OfferedFeatures = FeatureBit.Version1;
            model.Queues[0].MaximumSize = 4;
            model.Queues[0].Notifications = NotificationMode.Never;
            using SimulatedMachine machine = new SimulatedMachine();
            machine.UseDma(memory.Dma);
            machine.Plug(new PciDeviceFunction(model, machine.Messages.OutputTo(0)));
            LabMachine lab = new LabMachine(machine, machine.Bus, new Patience(memory));
            VirtioFunction device = EarlierLabs.Find(lab, deviceType)!;
            EarlierLabs.Negotiate(lab, device, 0);
            T driver = start(lab, device);
            names.Areas = model.Queues[0].Areas;
            return new Scenario()
                .AddProcessor("driver", () => drive(driver, model))
                .AddProcessor("device", () => Serve(memory, model), isBackground: true);
        }, names);
    }

    /// <summary>Tries the schedules of a scenario, and fails the check with the first one that goes wrong.</summary>
    /// <param name="create">Makes the scenario.</param>
    /// <param name="names">What the places of the ring are called in the schedule.</param>
    /// <param name="seen">What goes wrong, if anything does.</param>
    /// <param name="expected">What keeps it from going wrong.</param>
    /// <param name="ordering">Which order the memory keeps.</param>
    public static void Explore(
        Func<WeakMemory, Scenario> create,
        RingNames names,
        string seen = "it goes wrong",
        string expected = Expected,
        MemoryOrdering ordering = MemoryOrdering.ReleaseAcquire)
    {
        using ScheduleExplorer explorer = new ScheduleExplorer(new ExplorationBounds
        {
            Ordering = ordering,
            Deviations = 2,
            MaximumSchedules = 1500,
            RandomSchedules = 500,
            MaximumSteps = 3000,
        });
        ExplorationResult result = explorer.Explore(create);
        if (result.Failure is { } failure)
        {
            if (NotDone(failure) is { } step)
            {
                throw new NotDoneYetException(step);
            }

            CheckRecording.Current?.Record(
                explorer, create, result.Choices, names, $"A schedule in which {seen}. Both sides have a processor.");
            throw new CheckFailedException(new Finding(
                string.Empty,
                $"the explorer found a schedule in which {seen} ({result.Schedules} tried): {Clean(failure)}",
                expected,
                expected == Expected ? "labs/03-split/README.md, 'Publishing'" : string.Empty,
                names.InWords(result.Trace)));
        }
    }

    private static void Serve(WeakMemory memory, VirtioDeviceModel model)
    {
        while (true)
        {
            bool isBusy = model.Step();
            Scenario.Require(
                (model.Status & StatusBit.NeedsReset) == 0,
                $"the device saw idx before what it stands for, and read nonsense: {model.Trouble}");
            if (!isBusy)
            {
                memory.Pause();
            }
        }
    }

    /// <summary>The explorer keeps the words of an exception, and not the exception.</summary>
    private static string? NotDone(string failure)
    {
        int at = failure.IndexOf(nameof(NotDoneYetException), StringComparison.Ordinal);
        return at < 0 ? null : failure[(failure.IndexOf(':', at) + 1)..].Split('\n')[0].Trim();
    }

    private static string Clean(string failure) => failure.Replace(
        "nobody can go on: ", "both wait for ever: ", StringComparison.Ordinal);

    /// <summary>A driver that pauses lets the others go on.</summary>
    internal sealed class Patience(WeakMemory memory) : LabWatch
    {
        /// <inheritdoc/>
        public override void OnPause() => memory.Pause();
    }
}
