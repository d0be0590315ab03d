using System;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 5: chains, many requests, any order.</summary>
internal static class ChainChecks
{
    private const ushort Block = 2;
    private const int Sectors = 64;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("sets the size that it was asked for", 10, "virtio 1.4, 4.1.4.3", SetsSize),
        new LabCheck("does one request", 10, "virtio 1.4, 2.7.13", DoesOne),
        new LabCheck("keeps as many in flight as fit", 20, "virtio 1.4, 2.7.13 and 2.7.4", Fills),
        new LabCheck("finds an answer by its ID, not by its place", 25, "virtio 1.4, 2.7.8", ById),
        new LabCheck("gives descriptors back, and goes on for long", 15, "virtio 1.4, 2.7.13.1", GoesOn),
        new LabCheck("lets a failed request fail alone", 10, "virtio 1.4, 5.2.6", FailsAlone),
        new LabCheck("publishes with release, and takes with acquire", 10, "virtio 1.4, 2.7.13.2", Ordered),
    ];

    private static void SetsSize(StudentCode code)
    {
        using LabRig rig = Rig();
        Start(code, rig, 8);
        Expect.That(
            rig.Queue.Size == 8,
            $"the queue has {rig.Queue.Size} descriptors for the device",
            "8, as Start was asked for: written to queue_size before queue_enable");
    }

    private static void DoesOne(StudentCode code)
    {
        using LabRig rig = Rig();
        RequestQueue driver = Start(code, rig, 8);
        Expect.That(!Complete(rig, driver, out _, out _), "an answer was found before a request was sent", "false");
        Expect.That(Submit(rig, driver, 9, 100), "an empty queue took no request", "true");
        rig.Dog.Act();
        Expect.That(
            Complete(rig, driver, out int token, out byte[]? data),
            "the device has answered, and TryComplete found nothing",
            "true: idx of the used ring has changed");
        Same(token, 100, data, 9);
    }

    private static void Fills(StudentCode code)
    {
        foreach ((ushort size, int fit) in new (ushort, int)[] { (4, 1), (8, 2), (16, 5), (32, 10) })
        {
            using LabRig rig = Rig(new HeldBackCompletion());
            RequestQueue driver = Start(code, rig, size);
            int taken = 0;
            while (taken <= fit && Submit(rig, driver, (ulong)taken, taken))
            {
                taken++;
            }

            Expect.That(
                taken == fit,
                $"a queue of {size} descriptors took {(taken > fit ? "more than " + fit : taken)} requests",
                $"{fit}: each takes three descriptors, and a request that does not fit is refused with false");
        }
    }

    private static void ById(StudentCode code)
    {
        HeldBackCompletion policy = new HeldBackCompletion();
        using LabRig rig = Rig(policy);
        RequestQueue driver = Start(code, rig, 32);
        for (int round = 0; round < 12; round++)
        {
            int count = 3 + (round % 5);
            List<int> kept = [];
            for (int i = 0; i < count; i++)
            {
                int token = (1000 * round) + i;
                kept.Add(token);
                Expect.That(
                    Submit(rig, driver, SectorOf(token), token),
                    $"request {i} of round {round} was refused, and there was room for it",
                    "true");
            }

            rig.Dog.Act();
            while (kept.Count > 0)
            {
                int chosen = (kept.Count * (round + 2) / 3) % kept.Count;
                policy.ReleaseAt(chosen);
                rig.Dog.Act();
                bool isFound = Complete(rig, driver, out int token, out byte[]? data);
                string seen = isFound ? $"gave token {token}" : "found nothing";
                Expect.That(
                    isFound && token == kept[chosen],
                    $"the device has answered the request with token {kept[chosen]}, and TryComplete {seen}",
                    "the request whose head stands in id of the used ring's entry: not the first one, and not the one "
                        + "with the entry's number");
                Same(token, token, data, SectorOf(token));
                kept.RemoveAt(chosen);
            }
        }
    }

    private static ulong SectorOf(int token) => (ulong)((token / 1000 * 7) + (token % 1000)) % Sectors;

    private static void GoesOn(StudentCode code)
    {
        using LabRig rig = Rig(new RandomCompletion(3));
        RequestQueue driver = Start(code, rig, 16);
        Dictionary<int, ulong> flying = [];
        int next = 0;
        for (int round = 0; round < 1500; round++)
        {
            ulong sector = (ulong)(round * 11 % Sectors);
            if (driver.TrySubmit(sector, next))
            {
                flying.Add(next++, sector);
            }

            rig.Dog.Act();
            if (driver.TryComplete(out int token, out byte[]? data))
            {
                Expect.That(
                    flying.Remove(token, out ulong asked),
                    $"an answer has token {token}, which is not in flight",
                    "one that is");
                Same(token, token, data, asked);
            }

            if (round % 250 == 0)
            {
                rig.Judge();
            }
        }

        rig.Judge();
        Expect.That(
            next > 700, $"only {next} requests were taken in 1500 rounds", "descriptors are free again once used");
    }

    private static void FailsAlone(StudentCode code)
    {
        using LabRig rig = Rig(new ReversedCompletion());
        ((BlockDevice)rig.Model).Faults = new BadSector(2);
        RequestQueue driver = Start(code, rig, 16);
        for (int i = 1; i <= 3; i++)
        {
            Submit(rig, driver, (ulong)i, i);
        }

        rig.Dog.Act();
        for (int i = 0; i < 3; i++)
        {
            Expect.That(
                Complete(rig, driver, out int token, out byte[]? data), $"only {i} of 3 answers were found", "3");
            if (token == 2)
            {
                Expect.That(data is null, "sector 2 cannot be read, and its request gave data", "null for this one");
            }
            else
            {
                Same(token, token, data, (ulong)token);
            }
        }
    }

    private static void Ordered(StudentCode code) => WeakRig.Explore(
        memory => SectorChecks.Disk(memory, 2),
        Block,
        (lab, device) =>
        {
            RequestQueue driver = code.Create<RequestQueue>();
            driver.Start(lab, device, 4);
            return (driver, lab);
        },
        (both, _) =>
        {
            both.driver.TrySubmit(1, 7);
            int token;
            byte[]? data;
            while (!both.driver.TryComplete(out token, out data))
            {
                both.lab.Pause();
            }

            Scenario.Require(
                token == 7 && data is not null && data.AsSpan().SequenceEqual(SectorChecks.Content(1)),
                $"TryComplete gave token {token} and {(data is null ? "no data" : "old data")}: read too early");
        });

    private static LabRig Rig(CompletionPolicy? policy = null) => new(
        memory =>
        {
            BlockDevice disk = SectorChecks.Disk(memory, Sectors);
            disk.Queues[0].Policy = policy ?? new InOrderCompletion();
            return disk;
        },
        FeatureBit.Version1,
        largestQueue: 64);

    private static RequestQueue Start(StudentCode code, LabRig rig, ushort size)
    {
        VirtioFunction device = rig.Negotiated(Block);
        RequestQueue driver = code.Create<RequestQueue>();
        rig.Do("Start", () => driver.Start(rig.Lab, device, size));
        return driver;
    }

    private static bool Submit(LabRig rig, RequestQueue driver, ulong sector, int token) =>
        rig.Do($"TrySubmit({sector}, {token})", () => driver.TrySubmit(sector, token));

    private static bool Complete(LabRig rig, RequestQueue driver, out int token, out byte[]? data)
    {
        int found = 0;
        byte[]? bytes = null;
        bool isThere = rig.Do("TryComplete", () => driver.TryComplete(out found, out bytes));
        (token, data) = (found, bytes);
        return isThere;
    }

    private static void Same(int token, int expected, byte[]? data, ulong sector)
    {
        Expect.That(token == expected, $"the answer has token {token}", $"{expected}, as the request had");
        Expect.That(
            data is not null && data.AsSpan().SequenceEqual(SectorChecks.Content(sector)),
            $"token {token} asked for sector {sector} and got {(data is null ? "null" : "other bytes")}",
            "each request in flight has a header, a buffer and a status byte of its own");
    }
}
