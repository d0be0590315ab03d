using NUnit.Framework;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Tests;

/// <summary>QEMU's command line.</summary>
internal sealed class QemuCommandTests
{
    private static readonly Workspace s_workspace = new("/source", "/out");

    [TestCase(Door.Iso, "q35", "-cdrom", "/out/VirtioGuest.iso")]
    [TestCase(Door.Elf, "q35", "-kernel", "/out/VirtioGuest.elf")]
    [TestCase(Door.BzImage, "q35", "-kernel", "/out/VirtioGuest.bzImage")]
    [TestCase(Door.Cosmos, "pc", "-cdrom", "/out/VirtioGuest.Cosmos.iso")]
    public void Door_decides_the_machine_and_the_file(Door door, string machine, string option, string file)
    {
        string command = Command(new GuestOptions { Door = door, Disk = "/disk.img" });

        Assert.That(command, Does.Contain($" -machine {machine} ").And.Contain($" {option} {file} "));
    }

    [Test]
    public void Every_guest_has_the_exit_device_the_disk_and_a_network_card([Values] Door door)
    {
        string command = Command(new GuestOptions { Door = door, MemoryMegabytes = 77, Disk = "/a,b.qcow2" });

        Assert.That(command, Does.Contain("-device isa-debug-exit,iobase=0xf4,iosize=0x04"));
        Assert.That(command, Does.Contain("-m 77 "));
        Assert.That(command, Does.Contain("-netdev user,id=net0 -device virtio-net-pci,netdev=net0,packed=on"));
        Assert.That(command, Does.Contain("-drive if=none,id=disk0,format=qcow2,file=/a,,b.qcow2"));
    }

    [Test]
    public void Additional_arguments_come_last_and_unchanged()
    {
        string command = Command(
            new GuestOptions { Door = Door.Cosmos, Disk = "/d", Additional = ["-display", "gtk", "-name", "a,b"] });

        Assert.That(command, Does.EndWith(" -display gtk -name a,b"));
    }

    private static string Command(GuestOptions options) =>
        string.Join(' ', QemuCommand.Arguments(s_workspace, options));
}
