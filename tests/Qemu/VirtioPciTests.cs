using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Forms that virtio-pci takes in QEMU beside those of <see cref="MatrixTests"/>.</summary>
public sealed class VirtioPciTests : QemuTest
{
    [TestCase("modern-pio-notify=on")]
    [TestCase("modern-pio-notify=on,page-per-vq=on,disable-legacy=on")]
    [TestCase("vectors=9")]
    public void Disk_and_card_work(string properties)
    {
        DiskImage disk = NewDisk();
        string checksum = disk.Checksum(0, 2048);
        GuestOptions options = new GuestOptions { Machine = MachineType.Q35 }
            .WithDisk(new DiskOptions(disk.Path) { Properties = properties })
            .WithNic(new NicOptions { Properties = properties });

        Transcript transcript = Run(
            options, "blk 0 checksum 0 2048; blk 0 fill 5 100 5; net 0 dhcp; net 0 ping 10.0.2.2 3; exit");

        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { checksum }));
        Assert.That(disk.Read(5, 100), Is.EqualTo(SectorPattern.Make(5, 100, 5)));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 3"), Does.EndWith("3 sent, 3 received"));
    }

    [TestCase("vectors=1", "MSI-X, one vector")]
    [TestCase("vectors=3", "MSI-X, queues share a vector")]
    [TestCase("vectors=4", "MSI-X, a vector per queue")]
    public void Card_makes_do_with_its_vectors(string properties, string kind)
    {
        Transcript transcript = Run(
            new GuestOptions().WithNic(new NicOptions { Properties = properties }), "lsvirtio; net 0 dhcp; exit");

        Assert.That(transcript.TextOf("lsvirtio"), Does.Match($"(?m)^net0: .*({kind})"));
    }

    [Test]
    public void Legacy_only_device_is_named_and_skipped()
    {
        DiskOptions options = new(NewDisk().Path) { IsPacked = false, Properties = "disable-modern=on" };

        Transcript transcript = Run(new GuestOptions().WithDisk(options), "disks; exit");

        Assert.That(transcript.Start, Has.Some.Match(
            @"^00:04\.0: virtio-blk offers the legacy interface only: skipped$"));
    }
}
