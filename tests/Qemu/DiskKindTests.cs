using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Disks that are not like QEMU's usual one.</summary>
public sealed class DiskKindTests : QemuTest
{
    private const int Sectors = 4096;
    private const string Explanation = "the request is not for whole blocks of 4096 bytes";

    [TestCase(true)]
    [TestCase(false)]
    public void Disk_of_4096_byte_blocks_says_so_and_passes_the_self_test(bool isPacked)
    {
        DiskImage disk = NewDisk(Sectors);

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path)
            {
                IsPacked = isPacked,
                Properties = "logical_block_size=4096,physical_block_size=4096",
            }),
            $"disks; blk 0 read 1 1; blk 0 checksum 8 {Sectors - 8}; blk 0 fill 800 80 7; selftest; exit",
            QemuGuest.Failure);

        Assert.That(transcript.TextOf("disks"), Does.Contain(", blocks of 4096 bytes, "));
        Assert.That(transcript.TextOf("blk 0 read 1 1"), Does.EndWith(Explanation));
        Expect.PassedSelfTest(transcript);
        Assert.That(disk.Read(800, 80), Is.EqualTo(SectorPattern.Make(800, 80, 7)));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void Ranges_are_zeroed_and_given_up_and_the_disk_tells_of_itself(bool isPacked)
    {
        DiskImage disk = NewDisk(Sectors);

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path)
            {
                IsPacked = isPacked,
                Properties = "serial=coursework,config-wce=on",
            }),
            "disks; blk 0 id; blk 0 fill 0 4096 5; blk 0 zero 512 1000; blk 0 discard 2048 8; blk 0 cache off; "
            + "blk 0 cache on; blk 0 flush; exit");

        Assert.That(
            transcript.TextOf("disks"),
            Is.EqualTo($"disk0: {Sectors} sectors (2 MiB), writeback, 1 queue, serial \"coursework\""));
        Assert.That(transcript.TextOf("blk 0 id"), Is.EqualTo("coursework"));
        Assert.That(transcript.TextOf("blk 0 zero 512 1000"), Is.EqualTo("zeroed 1000 sectors"));
        Assert.That(transcript.TextOf("blk 0 discard 2048 8"), Is.EqualTo("discarded 8 sectors"));
        Assert.That(transcript.TextOf("blk 0 cache off"), Is.EqualTo("writethrough"));
        Assert.That(transcript.TextOf("blk 0 cache on"), Is.EqualTo("writeback"));
        Assert.That(disk.Read(0, 512), Is.EqualTo(SectorPattern.Make(0, 512, 5)));
        Assert.That(disk.Read(512, 1000), Is.All.Zero);
        Assert.That(disk.Read(1512, 536), Is.EqualTo(SectorPattern.Make(1512, 536, 5)));
        Assert.That(disk.Read(2056, 2040), Is.EqualTo(SectorPattern.Make(2056, 2040, 5)));
    }

    /// <summary>It offers SIZE_MAX, and has 0 in the field.</summary>
    [Test]
    public void Disk_of_qemu_storage_daemon_over_vhost_user_works()
    {
        DiskImage disk = NewDisk(Sectors);
        using DiskServer server = DiskServer.StartVhostUser(disk, Folder);
        string checksum = disk.Checksum(0, Sectors);

        Transcript transcript = Run(
            server.Put(new GuestOptions(), properties: "vectors=0"),
            $"lsvirtio; blk 0 checksum 0 {Sectors}; blk 0 fill 100 300 7; blk 0 flush; selftest; exit");

        Assert.That(transcript.TextOf("lsvirtio"), Does.Match("(?m)^    features: .*SIZE_MAX"));
        Assert.That(transcript.OutputOf($"blk 0 checksum 0 {Sectors}"), Is.EqualTo(new[] { checksum }));
        Expect.PassedSelfTest(transcript);
        Assert.That(disk.Read(100, 300), Is.EqualTo(SectorPattern.Make(100, 300, 7)));
    }
}
