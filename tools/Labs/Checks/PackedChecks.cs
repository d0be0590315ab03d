using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Checks;

/// <summary>Lab 7: a packed ring.</summary>
internal static class PackedChecks
{
    private const string HeadLastWords =
        "the head's flags last, with release, after all that is in the list; on the way back flags first, with "
        + "acquire, then id and len";

    private const ulong Features = FeatureBit.RingPacked | FeatureBit.EventIndex;

    public static IReadOnlyList<LabCheck> All { get; } =
    [
        new LabCheck("adds a buffer and takes it back", 15, "virtio 1.4, 2.8.1 and 2.8.13", AddsOne),
        new LabCheck("toggles both wrap counters at the end of the ring", 20, "virtio 1.4, 2.8.1", Wraps),
        new LabCheck("works with sizes that are no powers of two", 10, "virtio 1.4, 2.8", OddSizes),
        new LabCheck("refuses what does not fit", 10, "virtio 1.4, 2.8.17", Refuses),
        new LabCheck("finds a buffer by its ID, not by its slot", 20, "virtio 1.4, 2.8.6 and 2.8.14", ById),
        new LabCheck("writes the head's flags last", 10, "virtio 1.4, 2.8.13.1 and 2.8.21.1.1", HeadLast),
        new LabCheck("notifies when the device asked for it", 15, "virtio 1.4, 2.8.10", Notifies),
    ];

    private static void AddsOne(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, 8, Features);
        PackedQueue driver = Attach(code, rig);
        Expect.That(!Take(driver, out _, out _), "TryTake found a buffer in an empty ring", "false");
        Add(rig, driver, 5, 1);
        DeviceChain chain = rig.Take("TryAdd");
        Expect.That(
            chain.WritableLength == 16,
            $"the buffer has {chain.WritableLength} writable bytes for the device",
            "16, as its only part has");
        Expect.That(!Take(driver, out _, out _), "TryTake found a buffer that the device has not used", "false");
        Use(rig, chain, 12);
        bool isThere = Take(driver, out int token, out uint length);
        Expect.That(
            isThere && token == 5 && length == 12,
            isThere ? $"TryTake gave token {token} and length {length}" : "TryTake found no used buffer",
            "token 5 and length 12: the descriptor is used where AVAIL and USED both equal the wrap counter");
    }

    private static void Wraps(StudentCode code) => GoRound(code, 4, 1, 40);

    private static void OddSizes(StudentCode code)
    {
        foreach (ushort size in new ushort[] { 3, 5, 7 })
        {
            GoRound(code, size, 2, 40);
            GoRound(code, size, 3, 40);
        }
    }

    private static void GoRound(StudentCode code, ushort size, int parts, int rounds)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, size, Features);
        PackedQueue driver = Attach(code, rig);
        for (int round = 0; round < rounds; round++)
        {
            string when = $"round {round} of a ring of {size} with lists of {parts}";
            Add(rig, driver, round, parts);
            DeviceChain chain = rig.Pop() ?? throw new CheckFailedException(new Finding(
                string.Empty,
                $"in {when} the device finds no available buffer",
                "AVAIL = wrap counter, USED = its opposite; the counter toggles whenever the slot goes from the last "
                    + "to 0, also inside a list"));
            Use(rig, chain, 16);
            bool isThere = Take(driver, out int token, out _);
            Expect.That(
                isThere && token == round,
                isThere ? $"in {when} TryTake gave token {token}" : $"in {when} TryTake found no used buffer",
                "the used position moves on by as many slots as the list had, and its own wrap counter toggles "
                    + "at the end of the ring");
            Expect.That(!Take(driver, out _, out _), $"in {when} TryTake found a second used buffer",
                "one: the counter of the used position toggles when it goes from the last slot to 0, and what is left "
                    + "of the last round is not used any more");
        }
    }

    private static void Refuses(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, 5, Features);
        PackedQueue driver = Attach(code, rig);
        Add(rig, driver, 1, 3);
        Add(rig, driver, 2, 2);
        Expect.That(
            !TryAdd(rig, driver, 3, 1), "TryAdd took a buffer into a full ring of 5, with lists of 3 and 2",
            "false: a descriptor is free only when its buffer was taken back");
        DeviceChain first = rig.Take("TryAdd");
        DeviceChain second = rig.Take("TryAdd");
        Use(rig, second, 1);
        Expect.That(
            Take(driver, out int token, out _) && token == 2,
            "the list of 2 was used, and TryTake did not give it",
            "token 2");
        Expect.That(
            !TryAdd(rig, driver, 4, 3),
            "TryAdd took a list of 3, and only 2 descriptors were free",
            "false: all or nothing (2.8.17)");
        Use(rig, first, 1);
        Expect.That(Take(driver, out token, out _) && token == 1, "the list of 3 was used, and not found", "token 1");
        Add(rig, driver, 5, 5);
        _ = rig.Take("TryAdd");
    }

    private static void ById(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        RingRig rig = RingRig.Plain(dma, 7, Features);
        PackedQueue driver = Attach(code, rig);
        for (int round = 0; round < 30; round++)
        {
            int[] tokens = [(10 * round) + 1, (10 * round) + 2, (10 * round) + 3];
            List<DeviceChain> chains = [];
            for (int i = 0; i < tokens.Length; i++)
            {
                Add(rig, driver, tokens[i], 1 + ((round + i) % 2));
                chains.Add(rig.Take($"TryAdd in round {round}"));
            }

            int[] order = (round % 3) switch
            {
                0 => [2, 0, 1],
                1 => [1, 2, 0],
                _ => [2, 1, 0],
            };
            foreach (int each in order)
            {
                Use(rig, chains[each], (uint)(each + 1));
                bool isThere = Take(driver, out int token, out uint length);
                Expect.That(
                    isThere && token == tokens[each] && length == each + 1,
                    isThere
                        ? $"the device used the buffer with token {tokens[each]}, TryTake gave {token}, {length} bytes"
                        : $"the device used the buffer with token {tokens[each]}, and TryTake found nothing",
                    "id in the used descriptor names the buffer, and says by how many slots the position moves on; "
                        + "the rest of the slot is another buffer's. The used position has a counter of its own");
            }
        }
    }

    private static void HeadLast(StudentCode code)
    {
        RingNames names = new RingNames { IsPacked = true };
        WeakRig.Explore(memory =>
        {
            RingRig rig = RingRig.Weak(memory, 4, Features);
            PackedQueue driver = Attach(code, rig);
            DmaBlock buffer = rig.Allocate(64);
            names.Areas = rig.Areas;
            return new Scenario()
                .AddProcessor("driver", () =>
                {
                    driver.TryAdd(Parts(buffer, 3), 9);
                    int token;
                    uint length;
                    while (!driver.TryTake(out token, out length))
                    {
                        memory.Pause();
                    }

                    Scenario.Require(
                        token == 9 && length == 5,
                        $"took token {token}, length {length}, where 9 and 5 were used: read before the flags");
                })
                .AddProcessor("device", () =>
                {
                    DeviceChain? chain;
                    while ((chain = rig.Device.TryPop()) is null)
                    {
                        Scenario.Require(
                            rig.Device.Error == QueueError.None,
                            $"the device saw the head's flags before the rest of the list: {rig.Device.Error}");
                        memory.Pause();
                    }

                    Scenario.Require(
                        chain.WritableLength == 48, "the device saw the head's flags before addr and len were there");
                    rig.Device.Push(chain, 5);
                    rig.Device.Publish();
                });
        }, names, "a list was met incomplete, or a length believed that was not written yet", HeadLastWords);
    }

    private static void Notifies(StudentCode code)
    {
        using SimulatedDma dma = new SimulatedDma();
        const ushort Size = 5;
        RingRig rig = RingRig.Plain(dma, Size, Features);
        PackedQueue driver = Attach(code, rig);
        SeededRandom random = new SeededRandom(5);
        int position = 0;
        for (int round = 0; round < 300; round++)
        {
            int parts = 1 + random.Below(3);
            ushort flags = (ushort)random.Below(3);
            int asked = random.Below(2 * Size);
            ushort place = (ushort)((asked % Size) | (asked < Size ? 0x8000 : 0));
            rig.Packed.DeviceEvents.Store16(0, place);
            rig.Packed.DeviceEvents.Store16(2, flags);
            Add(rig, driver, round, parts);
            position = (position + parts) % (2 * Size);
            bool isDue = flags == 0 || (flags == 2 && EventTest.Packed(asked, position, parts, Size));
            bool notifies = RingRig.Do("IsNotificationDue", driver.IsNotificationDue);
            string wants = flags switch
            {
                0 => "the device wants to be notified (flags 0)",
                1 => "the device wants no notification (flags 1)",
                _ => $"the device asked for slot {asked % Size} with wrap {(asked < Size ? 1 : 0)} (flags 2)",
            };
            int before = (position - parts + (2 * Size)) % (2 * Size);
            Expect.That(
                notifies == isDue,
                $"{wants}; {parts} were added from slot {before % Size}, wrap {(before < Size ? 1 : 0)}, on, "
                    + $"and IsNotificationDue said {(notifies ? "true" : "false")}",
                "flags 0 always, 1 never, 2 where the slot that the device named is among those that were added");
            Use(rig, rig.Take("TryAdd"), 1);
            Expect.That(Take(driver, out _, out _), "TryTake found no used buffer", "one");
        }
    }

    private static void Use(RingRig rig, DeviceChain chain, uint length)
    {
        rig.Device.Push(chain, length);
        rig.Device.Publish();
    }

    private static BufferPart[] Parts(DmaBlock buffer, int count) =>
        [.. Enumerable.Range(0, count).Select(i => new BufferPart(buffer.DeviceAddress + (16u * (uint)i), 16, true))];

    private static bool TryAdd(RingRig rig, PackedQueue driver, int token, int parts)
    {
        DmaBlock buffer = s_buffers.GetValue(rig, key => key.Allocate(256));
        return RingRig.Do("TryAdd", () => driver.TryAdd(Parts(buffer, parts), token));
    }

    private static void Add(RingRig rig, PackedQueue driver, int token, int parts) => Expect.That(
        TryAdd(rig, driver, token, parts),
        $"TryAdd refused a list of {parts}, and there was room for it",
        "true: descriptors are free again once their buffer was taken");

    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<RingRig, DmaBlock> s_buffers = [];

    private static bool Take(PackedQueue driver, out int token, out uint length)
    {
        int found = 0;
        uint written = 0;
        bool isThere = RingRig.Do("TryTake", () => driver.TryTake(out found, out written));
        (token, length) = (found, written);
        return isThere;
    }

    private static PackedQueue Attach(StudentCode code, RingRig rig)
    {
        PackedQueue driver = code.Create<PackedQueue>();
        RingRig.Do("Attach", () =>
        {
            driver.Attach(rig.Packed);
            return true;
        });
        return driver;
    }
}
