using System;
using System.Buffers.Binary;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Cosmos.Block;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Block;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Block;

/// <summary>Partition tables: sound, absent and broken.</summary>
public sealed class PartitionTableTests
{
    private const int Sectors = 256;

    [Test]
    public void Primary_partitions_are_found_and_extended_ones_skipped()
    {
        Assert.That(Read(disk =>
        {
            PutPrimary(disk, 0, 0x80, 0x0C, 8, 100);
            PutPrimary(disk, 1, 0x00, 0x05, 110, 20);
            PutPrimary(disk, 2, 0x00, 0x83, 130, 126);
        }), Is.EqualTo(new[] { (8UL, 100UL), (130UL, 126UL) }));
    }

    [TestCase(0x80, 0x0C, 0u, 10u, TestName = "over the table itself")]
    [TestCase(0x80, 0x0C, 8u, 0u, TestName = "without sectors")]
    [TestCase(0x80, 0x0C, 256u, 1u, TestName = "behind the end")]
    [TestCase(0x80, 0x0C, 200u, 57u, TestName = "across the end")]
    [TestCase(0x80, 0x0C, uint.MaxValue, uint.MaxValue, TestName = "that wraps")]
    [TestCase(0x00, 0x00, 8u, 10u, TestName = "of no type")]
    [TestCase(0x13, 0x0C, 8u, 10u, TestName = "with a status that no entry has")]
    public void A_primary_partition_is_left_out(int status, int type, uint first, uint count) =>
        Assert.That(Read(disk => PutPrimary(disk, 0, (byte)status, (byte)type, first, count)), Is.Empty);

    [Test]
    public void A_disk_without_a_boot_signature_has_no_partitions() =>
        Assert.That(Read(disk =>
        {
            PutPrimary(disk, 0, 0x80, 0x0C, 8, 100);
            disk[510] = 0;
        }), Is.Empty);

    [TestCase(0)]
    [TestCase(1)]
    public void A_disk_too_small_for_a_partition_has_none(int sectors)
    {
        using Pc pc = new();
        pc.AddDisk(sectors);
        pc.Boot();

        Assert.That(PartitionTable.Read(pc.Disk, pc.Buffer(512), out Failure? failure), Is.Empty);
        Assert.That(failure, Is.Null);
    }

    [TestCase(128u)]
    [TestCase(256u)]
    [TestCase(1024u)]
    public void Guid_partitions_are_found_whatever_the_size_of_an_entry(uint entryLength)
    {
        Assert.That(Read(disk =>
        {
            PutGuidHeader(disk, 2, 5, entryLength);
            PutGuidEntry(disk, 2, 0, entryLength, 40, 99);
            PutGuidEntry(disk, 2, 4, entryLength, 100, 255);
        }), Is.EqualTo(new[] { (40UL, 60UL), (100UL, 156UL) }));
    }

    [TestCase(0u, 4u, 2UL, TestName = "entries of no size")]
    [TestCase(64u, 4u, 2UL, TestName = "entries too small")]
    [TestCase(136u, 4u, 2UL, TestName = "entries of an odd size")]
    [TestCase(8192u, 4u, 2UL, TestName = "entries too large")]
    [TestCase(128u, 4u, 0UL, TestName = "entries over the boot record")]
    [TestCase(128u, 4u, 256UL, TestName = "entries behind the end")]
    [TestCase(128u, 4u, ulong.MaxValue, TestName = "entries that wrap")]
    public void A_guid_table_is_refused_with(uint entryLength, uint count, ulong table) =>
        Assert.That(Read(disk =>
        {
            PutGuidHeader(disk, table, count, entryLength);
            PutGuidEntry(disk, 2, 0, 128, 40, 99);
        }), Is.Empty);

    [TestCase(99UL, 40UL)]
    [TestCase(40UL, 256UL)]
    [TestCase(0UL, ulong.MaxValue)]
    [TestCase(ulong.MaxValue, ulong.MaxValue)]
    public void A_guid_partition_that_is_not_on_the_disk_is_left_out(ulong first, ulong last) =>
        Assert.That(Read(disk =>
        {
            PutGuidHeader(disk, 2, 4, 128);
            PutGuidEntry(disk, 2, 0, 128, first, last);
        }), Is.Empty);

    [Test]
    public void An_endless_guid_table_ends_with_the_disk_or_with_as_many_entries_as_can_be_real()
    {
        using Pc pc = new();
        var log = new RequestLog();
        BlockDevice model = pc.AddDisk(4096);
        model.Faults = log;
        PutGuidHeader(model.Disk, 2, uint.MaxValue, 512);
        pc.Boot();

        Assert.That(PartitionTable.Read(pc.Disk, pc.Buffer(512), out Failure? failure), Is.Empty);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure, Is.Null);
            Assert.That(log.Requests, Has.Count.LessThan(1100));
        }
    }

    [Test]
    public void Partitions_found_before_a_failure_are_kept_and_the_failure_is_reported()
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(4);
        PutGuidHeader(model.Disk, 2, 100, 128);
        PutGuidEntry(model.Disk, 2, 0, 128, 3, 3);
        pc.Boot();

        Assert.That(PartitionTable.Read(pc.Disk, pc.Buffer(512), out Failure? failure).Select(each => each.FirstSector),
            Is.EqualTo(new[] { 3UL }));
        Assert.That(failure?.ToString(), Is.EqualTo("the disk ends at sector 4"));
    }

    private delegate void Fill(Span<byte> disk);

    private static (ulong, ulong)[] Read(Fill fill)
    {
        using Pc pc = new();
        BlockDevice model = pc.AddDisk(Sectors);
        model.Disk[510] = 0x55;
        model.Disk[511] = 0xAA;
        fill(model.Disk);
        pc.Boot();
        (ulong, ulong)[] found =
            [.. PartitionTable.Read(pc.Disk, pc.Buffer(512), out Failure? failure)
                .Select(each => (each.FirstSector, each.SectorCount))];
        Assert.That(failure, Is.Null);
        return found;
    }

    private static void PutPrimary(Span<byte> disk, int entry, byte status, byte type, uint first, uint count)
    {
        Span<byte> place = disk.Slice(446 + (entry * 16), 16);
        place[0] = status;
        place[4] = type;
        BinaryPrimitives.WriteUInt32LittleEndian(place[8..], first);
        BinaryPrimitives.WriteUInt32LittleEndian(place[12..], count);
    }

    private static void PutGuidHeader(Span<byte> disk, ulong table, uint count, uint entryLength)
    {
        disk[510] = 0x55;
        disk[511] = 0xAA;
        PutPrimary(disk, 0, 0, 0xEE, 1, Sectors - 1);
        "EFI PART"u8.CopyTo(disk[512..]);
        BinaryPrimitives.WriteUInt64LittleEndian(disk[(512 + 72)..], table);
        BinaryPrimitives.WriteUInt32LittleEndian(disk[(512 + 80)..], count);
        BinaryPrimitives.WriteUInt32LittleEndian(disk[(512 + 84)..], entryLength);
    }

    private static void PutGuidEntry(
        Span<byte> disk, int table, int entry, uint entryLength, ulong first, ulong last)
    {
        Span<byte> place = disk[((table * 512) + (entry * (int)entryLength))..];
        place[..16].Fill(0x11);
        BinaryPrimitives.WriteUInt64LittleEndian(place[32..], first);
        BinaryPrimitives.WriteUInt64LittleEndian(place[40..], last);
    }
}
