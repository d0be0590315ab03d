using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Labs.Grader;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// The answers of the labs drive QEMU's devices, one after another, with none of our drivers in between.
/// </summary>
public sealed class LabGuestTests : QemuTest
{
    private const string Answers = "VirtioGuest.Tests.Labs";
    private const int Sectors = 2048;

    [Test]
    public void Every_answer_that_can_be_booted_does_in_QEMU_what_it_does_in_the_simulator()
    {
        DiskImage disk = DiskImage.CreateRandom(Path.Combine(Folder, "disk.img"), Sectors, seed: 4);
        QemuGuest guest = Start(new GuestOptions { Program = Answers, Machine = MachineType.Q35 }.WithArguments(
            "-drive", $"if=none,id=lab,format=raw,readonly=on,file={disk.Path}",
            "-device", "virtio-blk-pci,drive=lab,addr=0x7,disable-legacy=on,packed=off",
            "-device", "virtio-rng-pci,addr=0x5,disable-legacy=on,packed=on"));

        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success), "the guest's own verdict");
        IReadOnlyList<CheckResult> results = GuestGrading.Grade([$"lab: disk {disk.Path}", .. guest.Serial.Lines]);
        Assert.That(
            results.Where(each => !each.HasPassed).Select(each => $"{each.Name}: {each.Finding!.Seen}"), Is.Empty);
        Assert.That(results, Has.Count.EqualTo(13));
    }
}
