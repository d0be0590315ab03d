using System;
using System.Buffers.Binary;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>A file system of Cosmos on a disk of ours.</summary>
public sealed class CosmosVolumeTests : QemuTest
{
    private const int PartitionStart = 2048;
    private const int PartitionLength = 98304;

    [TestCase(true)]
    [TestCase(false)]
    public void File_system_is_mounted_tried_and_left_as_it_was(bool isPacked)
    {
        DiskImage disk = NewEmptyDisk(PartitionStart + PartitionLength);
        disk.Write(0, PartitionTable());
        Tool.Run(
            "mformat", "mtools", "-i", $"{disk.Path}@@{PartitionStart * DiskImage.SectorSize}", "-F",
            "-T", $"{PartitionLength}", "-H", $"{PartitionStart}", "-c", "1", "-v", "TRIAL", "::");
        byte[] before = disk.ReadAll();

        Transcript transcript = Run(
            GuestKernel.Cosmos.Machine.WithDisk(new DiskOptions(disk.Path) { IsPacked = isPacked }), "selftest; exit");

        Assert.That(transcript.Start, Has.Some.Match(@"^disk0: FAT file system at \d:\\$"));
        TapReport report = Expect.PassedSelfTest(transcript);
        TapResult[] files = [.. report.Results.Where(result => result.Name.Contains("a file is written"))];
        Assert.That(files, Has.Length.EqualTo(1));
        Assert.That(files[0].IsSkipped, Is.False);
        Assert.That(disk.ReadAll().AsSpan().SequenceEqual(before), Is.True, "what the host finds on the disk");
    }

    // A master boot record with one entry: FAT32 by logical block address.
    private static byte[] PartitionTable()
    {
        const int Entry = 446;
        byte[] sector = new byte[DiskImage.SectorSize];
        sector[Entry + 4] = 0x0C;
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(Entry + 8), PartitionStart);
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(Entry + 12), PartitionLength);
        sector[510] = 0x55;
        sector[511] = 0xAA;
        return sector;
    }
}
