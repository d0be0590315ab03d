using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 9: caches and DMA, with the polling loop of NetBSD kern/60144.</summary>
internal static class CacheChecks
{
    private const ushort Size = 4;
    private const uint Length = 64;
    private const int Patience = 200;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("works where caches and devices agree", 10, "virtio 1.4, 2.7", Coherent),
        new LabCheck(
            "sees the device's answer on a 68030, however often it has looked before",
            25,
            "bus_dma(9), PREREAD and POSTREAD; NetBSD kern/60144",
            On68030),
        new LabCheck("hands every byte over by the rules", 25, "bus_dma(9), bus_dmamap_sync", ByTheRules),
        new LabCheck("writes back what the device reads, on a 68040", 20, "bus_dma(9), PREWRITE", On68040),
        new LabCheck("is not misled by a cache that reads ahead", 20, "bus_dma(9), POSTREAD", Prefetching),
    ];

    private static void Coherent(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        Run(code, dma, "a machine with coherent memory");
    }

    private static void On68030(StudentCode code) => On(code, new Mc68030Cache(), "the 68030");

    private static void On68040(StudentCode code)
    {
        On(code, new Mc68040Cache(), "the 68040");
        On(code, new Mc68040Cache(CacheTiming.Eager), "a 68040 that evicts at once");
    }

    private static void Prefetching(StudentCode code) => On(code, new PrefetchingCache(), "a cache that reads ahead");

    private static void On(StudentCode code, CacheModel cache, string name)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions { Cache = cache, AuditsOwnership = false });
        using IDisposable installed = dma.Install();
        Run(code, dma, name);
    }

    private static void ByTheRules(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma(new SimulatedDmaOptions { Cache = new Mc68030Cache() });
        using IDisposable installed = dma.Install();
        try
        {
            Run(code, dma, "the 68030");
        }
        catch (CheckFailedException) when (dma.Violations.Count > 0)
        {
            // Why it went wrong is what this check is for.
        }

        if (dma.Violations.Count > 0)
        {
            throw new CheckFailedException(Explain(dma.Violations));
        }
    }

    /// <summary>Looks in vain, lets the device use a buffer, and looks again; several times over.</summary>
    private static void Run(StudentCode code, SimulatedDma dma, string where)
    {
        RingRig rig = new RingRig(
            dma,
            CheckRecording.ViewOf(dma),
            Size,
            Devices.FeatureBit.Version1,
            new Watchdog(() => { }, () => 0, () => "the device acts only between two calls"));
        DmaBlock[] buffers = [.. Enumerable.Range(0, 2).Select(_ => rig.Allocate(Length))];
        CachedQueue driver = code.Create<CachedQueue>();
        Do("Attach", () => driver.Attach(rig.Split));
        for (int round = 0; round < 9; round++)
        {
            ushort head = (ushort)(round % 2);
            Do("Give", () => driver.Give(head, buffers[head]));
            for (int look = 0; look < 3; look++)
            {
                Expect.That(
                    !TryTake(driver, out _, out _), $"on {where} TryTake found a buffer that nobody has used", "false");
            }

            DeviceChain? chain = rig.Device.TryPop();
            Expect.That(
                chain is not null && rig.Device.Error == QueueError.None,
                $"on {where}, in round {round}, the device does not see the buffer "
                    + (rig.Device.Error == QueueError.None
                        ? "that was given: idx in memory is the old one"
                        : $"as it was written ({rig.Device.Error}): what it read in memory is old"),
                "what the device reads is handed over after it was written, with PREWRITE: descriptor, ring entry, and "
                    + "idx after those");
            byte[] content = Content(round);
            chain!.TryWrite(0, content);
            rig.Device.Push(chain, Length);
            rig.Device.Publish();
            int looks = 0;
            ushort taken = 0;
            byte[] data = [];
            while (looks < Patience && !TryTake(driver, out taken, out data))
            {
                looks++;
            }

            Expect.That(
                looks < Patience,
                $"on {where} the driver polls for ever: the device has used the buffer, and {Patience} looks did not "
                    + "find it. Each look reads the copy in the cache that the first one brought there",
                "before each look POSTREAD, after a look that found nothing PREREAD again: that drops the old copy");
            Expect.That(
                taken == head && data.AsSpan().SequenceEqual(content),
                taken == head
                    ? $"on {where}, in round {round}, the data are not what the device wrote: they came from the cache"
                    : $"on {where} TryTake gave buffer {taken} where {head} was used: an old entry of the used ring",
                "PREREAD of the buffer when it is given, POSTREAD before it is read; so for the entry of the ring too");
        }
    }

    private static Finding Explain(List<string> violations)
    {
        string first = violations[0];
        string[] places = ["the descriptor table", "the available ring", "the used ring", "a buffer", "a buffer"];
        for (int i = 0; i < places.Length; i++)
        {
            first = first.Replace($"region {i}, ", $"{places[i]}, ", StringComparison.Ordinal);
        }

        (string seen, string expected) =
            first.Contains(" twice", StringComparison.Ordinal)
                ? ("bytes were handed to the device that it has already", "each PRE has its POST before the next PRE")
            : first.Contains("without Pre", StringComparison.Ordinal)
                ? ("bytes were taken back that had not been handed over", "a PRE comes before each POST, also at first")
            : first.Contains("reads while", StringComparison.Ordinal)
                ? ("the driver looked at bytes that are the device's", "POSTREAD, then the look, then PREREAD again")
            : first.Contains("writes while", StringComparison.Ordinal)
                ? ("the driver wrote bytes that are the device's", "POSTWRITE before they are written again")
            : first.Contains("had no PREREAD", StringComparison.Ordinal)
                ? ("the device wrote bytes that were never handed over to it", "PREREAD before the device writes them")
                : ("a byte was touched by who does not own it", "from PRE to POST the bytes are the device's");
        return new Finding(
            "bus_dma(9), bus_dmamap_sync", $"{seen} ({first})", expected, string.Empty, [.. violations.Take(6)]);
    }

    private static bool TryTake(CachedQueue driver, out ushort head, out byte[] data)
    {
        ushort found = 0;
        byte[] bytes = [];
        bool isThere = RingRig.Do("TryTake", () => driver.TryTake(out found, out bytes));
        (head, data) = (found, bytes);
        return isThere;
    }

    private static void Do(string what, Action action) => RingRig.Do(what, () =>
    {
        action();
        return true;
    });

    private static byte[] Content(int round) =>
        [.. Enumerable.Range(0, (int)Length).Select(i => (byte)((17 * round) + i + 1))];
}
