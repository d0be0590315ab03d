using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.DeviceConformance;

/// <summary>
/// What becomes of a device whose driver breaks a rule. It may answer, ask for a reset, or keep silent; a reset makes
/// it work again, and it writes to nothing that it was not given.
/// </summary>
/// <remarks>
/// Some monitors stop with their device: a disk of QEMU 7.2 looks at a packed ring again and again once it has found a
/// fault in it, with the monitor's own lock held.
/// </remarks>
internal static class RobustnessTests
{
    private const ulong Nowhere = 0x0000_7FFF_FFFF_F000;
    private const byte Untouched = 0xA5;
    private const int WitnessSlot = 40;

    public static DeviceTest[] All =>
    [
        Of("robust.loop", "A chain that goes in a circle is survived", "2.7.5.1", Loop),
        Of("robust.next", "A link out of the table is survived", "2.7.5.1", NextOutside),
        Of("robust.head", "A head out of the table is survived", "2.7.6.1", HeadOutside),
        Of("robust.index", "An available index that jumps is survived", "2.7.6.1", IndexJumps),
        Of("robust.endless", "A chain without an end is survived", "2.8.8", Endless),
        Of("robust.empty", "A buffer of no bytes is survived", "2.7.5.1", Empty),
        Of("robust.order", "Parts for reading behind those for writing are survived", "2.7.4.2, 2.8.17", WritableFirst),
        Of("robust.address", "An address where there is no memory is survived", "2.7.5.1", NoMemory),
        Of("robust.indirect-next", "A table of descriptors within a chain is survived", "2.7.5.3.1", TableInChain),
        Of("robust.indirect-odd", "A table of half a descriptor is survived", "2.7.5.3.1", OddTable),
        Of("robust.indirect-nested", "A table within a table is survived", "2.7.5.3.1", NestedTable),
        Of("robust.header", "A request that is shorter than its header is survived", "5.2.6.1", ShortHeader),
        Of("robust.status", "A request without room for its status is survived", "5.2.6.1", NoStatus),
    ];

    private static DeviceTest Of(string id, string title, string clause, Action<DeviceBench> body) =>
        new(id, title, clause, body) { IsPerForm = true, Level = RequirementLevel.Robustness };

    private static void Loop(DeviceBench bench) => Split(bench, static (bench, ring) =>
    {
        ring.StoreDescriptor(0, bench.Readable(0, 0, 16), TestRing.Next, 1);
        ring.StoreDescriptor(1, bench.Readable(0, 16, 16), TestRing.Next, 0);
        ring.PostHead(0);
        ring.Publish();
    });

    private static void NextOutside(DeviceBench bench) => Split(bench, static (bench, ring) =>
    {
        ring.StoreDescriptor(0, bench.Readable(0, 0, 16), TestRing.Next, (ushort)ring.Size);
        ring.PostHead(0);
        ring.Publish();
    });

    private static void HeadOutside(DeviceBench bench) => Split(bench, static (_, ring) =>
    {
        ring.PostHead((ushort)(ring.Size + 1));
        ring.Publish();
    });

    private static void IndexJumps(DeviceBench bench) => Split(bench, static (_, ring) => ring.Publish(0x4000));

    private static void Endless(DeviceBench bench) => Packed(bench, static (bench, ring) =>
    {
        for (int slot = ring.Size - 1; slot >= 0; slot--)
        {
            ushort flags = (ushort)(TestRing.Next | ring.AvailableNow);
            ring.StoreDescriptor(slot, bench.Readable(0, 0, 16), 0, flags);
        }
    });

    private static void Empty(DeviceBench bench) =>
        Chain(bench, static bench => [bench.Readable(0, 0, 0), bench.Writable(0, 64, 0)]);

    private static void WritableFirst(DeviceBench bench) =>
        Chain(bench, static bench => [bench.Writable(0, 64, 16), bench.Readable(0, 0, 16)]);

    private static void NoMemory(DeviceBench bench) =>
        Chain(bench, static _ => [TestSegment.Readable(Nowhere, 64), TestSegment.Writable(Nowhere, 64)]);

    private static void TableInChain(DeviceBench bench) =>
        Table(bench, static (bench, table) => [table, bench.Writable(0, 128, 16)]);

    private static void OddTable(DeviceBench bench) =>
        Table(bench, static (_, table) => [TestSegment.Table(table.Address, TestRing.DescriptorSize / 2)]);

    private static void NestedTable(DeviceBench bench) =>
        Table(bench, static (bench, table) => [RingTests.StoreTable(bench, 1, [table])]);

    private static void ShortHeader(DeviceBench bench)
    {
        NeedBlock(bench);
        Chain(bench, static bench => [bench.Readable(0, 0, BlockKind.HeaderLength - 1), bench.Writable(0, 64, 1)]);
    }

    private static void NoStatus(DeviceBench bench)
    {
        NeedBlock(bench);
        Chain(bench, static bench => [bench.Readable(0, 0, BlockKind.HeaderLength)]);
    }

    private static void NeedBlock(DeviceBench bench)
    {
        if (bench.Transport.DeviceType != DeviceTypes.Block)
        {
            DeviceBench.Skip("has requests without header and status");
        }
    }

    private static void Split(DeviceBench bench, Action<DeviceBench, SplitTestRing> misbehave)
    {
        if (bench.Form.IsPacked)
        {
            DeviceBench.Skip("has no such place in a packed ring");
        }

        Either(bench, (each, ring) => misbehave(each, (SplitTestRing)ring));
    }

    private static void Packed(DeviceBench bench, Action<DeviceBench, PackedTestRing> misbehave)
    {
        if (!bench.Form.IsPacked)
        {
            DeviceBench.Skip("has no such place in a split ring");
        }

        Either(bench, (each, ring) => misbehave(each, (PackedTestRing)ring));
    }

    /// <summary>Has the device find a chain.</summary>
    private static void Chain(
        DeviceBench bench, Func<DeviceBench, TestSegment[]> make, Features more = Features.None) =>
        Either(
            bench,
            (each, ring) =>
            {
                ring.Post(make(each));
                ring.Publish();
            },
            more);

    /// <summary>Has the device find a chain with a table of descriptors, which is right by itself.</summary>
    private static void Table(DeviceBench bench, Func<DeviceBench, TestSegment, TestSegment[]> make)
    {
        bench.Need(Features.IndirectDesc, "INDIRECT_DESC");
        Chain(
            bench,
            each => make(each, RingTests.StoreTable(each, 0, [each.Writable(0, 64, 16)])),
            Features.IndirectDesc);
    }

    private static void Either(
        DeviceBench bench, Action<DeviceBench, TestRing> misbehave, Features more = Features.None)
    {
        DeviceKind kind = GeneralTests.KindOf(bench);
        TestRing ring = bench.Start(kind, more, maximumSize: 16);
        kind.Exercise(bench, ring, 1);
        bench.Fill(WitnessSlot, Untouched);
        bench.HandOver(WitnessSlot);
        bench.Fill(0, 0);
        bench.HandOver(0);
        bench.Reset();
        ring = bench.Start(kind, more, maximumSize: 16);
        misbehave(bench, ring);
        ring.Kick();
        bench.Idle();
        bench.Reset();
        bench.TakeBack(WitnessSlot);
        DeviceBench.Require(
            !bench.Bytes(WitnessSlot, 0, DeviceBench.SlotLength).ContainsAnyExcept(Untouched),
            "writes to memory that it was not given");
        kind.Exercise(bench, bench.Start(kind), 3);
    }
}
