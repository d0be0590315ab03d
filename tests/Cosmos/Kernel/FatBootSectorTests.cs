using System;
using System.Buffers.Binary;
using NUnit.Framework;
using VirtioGuest.Cosmos.Kernel.Files;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>Boot sectors of FAT32 file systems, and those that only look like one.</summary>
public sealed class FatBootSectorTests
{
    private const ulong PartitionLength = 129024;

    [Test]
    public void A_boot_sector_of_FAT32_is_sound() =>
        Assert.That(FatBootSector.IsSound(Fat32(), PartitionLength), Is.True);

    [Test]
    public void The_fewest_clusters_that_FAT32_may_have_are_enough()
    {
        byte[] sector = Fat32();
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(32), (2 * 32) + (2 * 993) + 65525);

        Assert.That(FatBootSector.IsSound(sector, PartitionLength), Is.True);
    }

    // What Cosmos would do to it is told at FatBootSector.
    [Test]
    public void A_boot_sector_of_FAT16_is_not_sound()
    {
        byte[] sector = Fat32();
        BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan(17), 512);
        BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan(19), 32768);
        BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan(22), 128);

        Assert.That(FatBootSector.IsSound(sector, PartitionLength), Is.False);
    }

    [TestCase(510, 0, 2, TestName = "without a signature")]
    [TestCase(11, 0, 2, TestName = "without a sector size")]
    [TestCase(11, 4096, 2, TestName = "with large sectors")]
    [TestCase(13, 0, 1, TestName = "without sectors in a cluster")]
    [TestCase(13, 3, 1, TestName = "with three sectors in a cluster")]
    [TestCase(14, 0, 2, TestName = "without a reserved sector")]
    [TestCase(16, 0, 1, TestName = "without a table")]
    [TestCase(16, 3, 1, TestName = "with three tables")]
    [TestCase(32, 129025, 4, TestName = "longer than its partition")]
    [TestCase(32, 0, 4, TestName = "without a length")]
    [TestCase(17, 512, 2, TestName = "with a root directory of its own")]
    [TestCase(32, 2050, 4, TestName = "without room for data")]
    [TestCase(32, 67574, 4, TestName = "with too few clusters")]
    [TestCase(36, 0, 4, TestName = "with empty tables")]
    [TestCase(36, -1, 4, TestName = "with endless tables")]
    [TestCase(44, 3, 4, TestName = "with a root directory that is not in front")]
    public void A_boot_sector_with_a_bad_field_is_not_sound(int offset, int value, int width)
    {
        byte[] sector = Fat32();
        for (int i = 0; i < width; i++)
        {
            sector[offset + i] = (byte)(value >> (8 * i));
        }

        Assert.That(FatBootSector.IsSound(sector, PartitionLength), Is.False);
    }

    [Test]
    public void A_sector_of_zeros_or_ones_is_not_sound([Values(0, 0xFF)] int value)
    {
        byte[] sector = new byte[512];
        Array.Fill(sector, (byte)value);
        sector[510] = 0x55;
        sector[511] = 0xAA;

        Assert.That(FatBootSector.IsSound(sector, PartitionLength), Is.False);
    }

    /// <summary>As mkfs.fat makes it for a disk of 63 MiB.</summary>
    internal static byte[] Fat32()
    {
        byte[] sector = new byte[512];
        BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan(11), 512);
        sector[13] = 1;
        BinaryPrimitives.WriteUInt16LittleEndian(sector.AsSpan(14), 32);
        sector[16] = 2;
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(32), 129024);
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(36), 993);
        BinaryPrimitives.WriteUInt32LittleEndian(sector.AsSpan(44), 2);
        sector[510] = 0x55;
        sector[511] = 0xAA;
        return sector;
    }
}
