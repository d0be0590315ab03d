using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 3: a first split ring.</summary>
internal static class SplitChecks
{
    private const ushort Entropy = 4;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("sets the queue up, then goes live", 20, "virtio 1.4, 2.7 and 4.1.5.1.3", SetsUp),
        new LabCheck("reads random bytes", 20, "virtio 1.4, 2.7.13 and 2.7.14", Reads),
        new LabCheck("waits until the device has answered", 10, "virtio 1.4, 2.7.14", Waits),
        new LabCheck("believes the length that the device gives", 10, "virtio 1.4, 2.7.8 and 5.4.6", Length),
        new LabCheck("notifies at the queue's own place", 10, "virtio 1.4, 4.1.4.4", Place),
        new LabCheck("goes around the ring, and on past 65535", 10, "virtio 1.4, 2.7.6", GoesOn),
        new LabCheck("publishes with release, and takes with acquire", 20, "virtio 1.4, 2.7.13.2", Ordered),
    ];

    private static void SetsUp(StudentCode code)
    {
        using LabRig rig = Rig();
        Start(code, rig);
        ModelQueue queue = rig.Queue;
        Expect.That(
            queue.IsEnabled,
            "queue 0 was not enabled",
            "queue_select 0, queue_size, the three addresses, and then queue_enable 1");
        Expect.That(
            (rig.Model.Status & StatusBit.DriverOk) != 0,
            $"after Start status is 0x{rig.Model.Status:x}, without DRIVER_OK (4)",
            "the device is live at the end of Start");
    }

    private static void Reads(StudentCode code)
    {
        using LabRig rig = Rig();
        RandomSource driver = Start(code, rig);
        Same(rig.Do("Read", () => driver.Read(16)), EntropyDevice.First(16));
    }

    private static void Waits(StudentCode code)
    {
        using LabRig rig = Rig();
        RandomSource driver = Start(code, rig);
        rig.Dog.Delay = 50;
        Same(rig.Do("Read", () => driver.Read(8)), EntropyDevice.First(8));
    }

    private static void Length(StudentCode code)
    {
        using LabRig rig = Rig(model => model.LargestAnswer = 5);
        RandomSource driver = Start(code, rig);
        byte[] bytes = rig.Do("Read", () => driver.Read(16));
        Expect.That(
            bytes.Length == 5,
            $"Read(16) returned {bytes.Length} bytes; the device wrote 5, and said so in len of the used ring",
            "5 bytes: asked for is not given");
        Same(bytes, EntropyDevice.First(5));
    }

    private static void Place(StudentCode code)
    {
        using LabRig rig = Rig(model => model.Queues[0].NotifyOffset = 4, multiplier: 8);
        RandomSource driver = Start(code, rig);
        Same(rig.Do("Read", () => driver.Read(4)), EntropyDevice.First(4));
    }

    private static void GoesOn(StudentCode code)
    {
        const int Rounds = 66_000;
        using LabRig rig = Rig(model => model.LargestAnswer = 1);
        RandomSource driver = Start(code, rig);
        for (int round = 1; round <= Rounds; round++)
        {
            // The judge would take long over all of them.
            byte[] bytes = round is < 20 or > 65_530 and < 65_550
                ? rig.Do($"Read number {round}", () => driver.Read(1))
                : driver.Read(1);
            ulong given = ((EntropyDevice)rig.Model).Given;
            Expect.That(
                given == (ulong)round,
                $"Read number {round} returned before the device had answered",
                "both indices are 16 bits wide: after 65535 comes 0, also in the driver's own copies");
            Expect.That(bytes.Length == 1, $"Read number {round} gave {bytes.Length} bytes", "1, as the device gave");
        }
    }

    private static void Ordered(StudentCode code)
    {
        byte[] expected = EntropyDevice.First(4);
        WeakRig.Explore(
            memory => new EntropyDevice(memory),
            Entropy,
            (lab, device) =>
            {
                RandomSource driver = code.Create<RandomSource>();
                driver.Start(lab, device);
                return driver;
            },
            (driver, model) =>
            {
                byte[] bytes = driver.Read(4);
                Scenario.Require(
                    model.Given == 4,
                    "the device saw idx before what it stands for, and read a descriptor that was not written yet");
                Scenario.Require(
                    bytes.AsSpan().SequenceEqual(expected),
                    $"Read gave {Text(bytes)}, but the device wrote {Text(expected)}: they were read too early");
            });
    }

    private static LabRig Rig(Action<EntropyDevice>? prepare = null, uint multiplier = 4) => new(
        memory =>
        {
            EntropyDevice model = new EntropyDevice(memory);
            prepare?.Invoke(model);
            return model;
        },
        FeatureBit.Version1,
        new Devices.Pci.PciFunctionOptions { NotifyMultiplier = multiplier });

    private static RandomSource Start(StudentCode code, LabRig rig)
    {
        VirtioFunction device = rig.Negotiated(Entropy);
        RandomSource driver = code.Create<RandomSource>();
        rig.Do("Start", () => driver.Start(rig.Lab, device));
        return driver;
    }

    private static void Same(byte[] bytes, byte[] expected) => Expect.That(
        bytes is not null && bytes.AsSpan().SequenceEqual(expected),
        $"Read returned {(bytes is null ? "null" : Text(bytes))}; the device had written {Text(expected)}",
        "the bytes that the device wrote: from the buffer's start, after used idx has changed");

    private static string Text(byte[] bytes) =>
        bytes.Length == 0 ? "no byte" : string.Join(' ', bytes.Select(each => each.ToString("x2", null)));
}
