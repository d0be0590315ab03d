using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>PCI configuration space in memory, as ACPI tells of it.</summary>
public sealed class EcamTests : QemuTest
{
    [TestCase(Door.Elf)]
    [TestCase(Door.IsoUefi)]
    public void Q35_is_enumerated_through_memory(Door door)
    {
        DiskImage disk = NewDisk();

        Transcript transcript = Run(
            new GuestOptions { Machine = MachineType.Q35, Door = door }.WithDisk(disk),
            "lspci; blk 0 checksum 0 2048; exit");

        Assert.That(transcript.Start, Has.Some.Match("^pci: configuration space at 0x[0-9a-f]+, buses 0 to 255$"));
        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(0, disk)));
        Assert.That(transcript.OutputOf("lspci"), Has.Some.Match(@"^00:04\.0.*1af4:10(01|42)"));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
    }

    [Test]
    public void Pc_has_none_and_is_enumerated_through_ports()
    {
        DiskImage disk = NewDisk();

        Transcript transcript = Run(new GuestOptions().WithDisk(disk), "blk 0 checksum 0 2048; exit");

        Assert.That(transcript.Start, Has.None.StartsWith("pci: configuration space"));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
    }

    [Test]
    public void Microvm_has_no_ports_for_it_and_no_addresses_assigned()
    {
        DiskImage disk = NewDisk();
        string checksum = disk.Checksum(0, 2048);
        GuestOptions options = new GuestOptions().WithDisk(disk).WithNic().WithArguments(
            "-machine", "microvm,acpi=on,pcie=on");

        Transcript transcript = Run(
            options, "lsvirtio; blk 0 checksum 0 2048; blk 0 fill 5 100 5; net 0 dhcp; net 0 ping 10.0.2.2 5; exit");

        Assert.That(transcript.Start, Has.Some.EqualTo("pci: configuration space at 0xe0000000, buses 0 to 255"));
        Assert.That(transcript.Start, Has.Some.Match(@"^pci: \d+ address ranges assigned$"));
        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundDisk(0, disk)));
        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundNic(0)));
        Assert.That(transcript.TextOf("lsvirtio"), Does.Match("(?m)^disk0: .*MSI-X"));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { checksum }));
        Assert.That(disk.Read(5, 100), Is.EqualTo(SectorPattern.Make(5, 100, 5)));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 5"), Does.EndWith("5 sent, 5 received"));
    }
}
