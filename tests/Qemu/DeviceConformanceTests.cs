using System;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>QEMU's devices as <c>conform</c> judges them in the guest.</summary>
public sealed class DeviceConformanceTests : QemuTest
{
    /// <summary>
    /// What QEMU 7.2 does otherwise: it leaves FEATURES_OK set for features that it did not offer, and interrupts for
    /// the first used buffer after a reset whatever event index the driver named.
    /// </summary>
    private static readonly string[] s_knownOfAll =
        ["features.refused", "notify.early", "notify.suppressed"];

    /// <summary>QEMU 7.2 leaves num_buffers unwritten where MRG_RXBUF was not negotiated.</summary>
    private static readonly string[] s_knownOfNet = [.. s_knownOfAll, "net.header"];

    /// <summary>QEMU 7.2 offers RING_RESET over MMIO, and does not have the register.</summary>
    private static readonly string[] s_knownOverMmio = [.. s_knownOfAll, "ring.reset"];

    [TestCase(MachineType.Pc, true)]
    [TestCase(MachineType.Q35, false)]
    public void Disk_of_QEMU_does_what_is_asked_but_for_what_is_known(MachineType machine, bool isPacked)
    {
        DiskImage disk = NewDisk();
        Judge(
            new GuestOptions { Machine = machine }.WithDisk(new DiskOptions(disk.Path) { IsPacked = isPacked }),
            "conform blk --destructive",
            "disk0",
            "blk.read",
            s_knownOfAll);
    }

    [Test]
    public void Disk_of_QEMU_over_MMIO_does_what_is_asked_but_for_what_is_known() =>
        Judge(
            new GuestOptions().WithArguments(
                "-machine", "microvm,acpi=off",
                "-global", "virtio-mmio.force-legacy=false",
                "-drive", $"if=none,id=a,format=raw,file={NewDisk().Path}",
                "-device", "virtio-blk-device,drive=a,packed=on"),
            "conform blk --destructive",
            "disk0",
            "blk.read",
            s_knownOverMmio);

    [TestCase(MachineType.Pc, false)]
    [TestCase(MachineType.Q35, true)]
    public void Card_of_QEMU_does_what_is_asked_but_for_what_is_known(MachineType machine, bool isPacked) =>
        Judge(
            new GuestOptions { Machine = machine }.WithNic(new NicOptions { IsPacked = isPacked }),
            "conform net --hostile",
            "net0",
            "net.frames",
            s_knownOfNet);

    [Test]
    public void Source_of_entropy_of_QEMU_does_what_is_asked_but_for_what_is_known() =>
        Judge(
            new GuestOptions().WithArguments("-device", "virtio-rng-pci,packed=on"),
            "conform rng",
            "rng0",
            "rng.some",
            s_knownOfAll);

    [Test]
    public void What_is_stored_is_spared_and_the_disk_goes_on()
    {
        DiskImage disk = NewDisk();
        disk.Write(0, SectorPattern.Make(0, 64, 7));
        byte[] before = disk.ReadAll();

        Transcript transcript = Run(
            new GuestOptions().WithDisk(new DiskOptions(disk.Path) { IsPacked = true }),
            "conform blk --only blk. ring.; blk 0 verify 0 64 7; exit");

        Assert.That(disk.ReadAll().AsSpan().SequenceEqual(before), Is.True);
        Assert.That(transcript.TextOf("blk 0 verify 0 64 7"), Is.EqualTo("verified 64 sectors"));
    }

    private void Judge(GuestOptions options, string command, string device, string passing, string[] known)
    {
        Transcript transcript = Run(options, command + "; exit", QemuGuest.Failure);
        string[] failed = Ids(transcript, command, @"^not ok \d+ - " + device);
        string[] passed = Ids(transcript, command, @"^ok \d+ - (?!.*# SKIP)" + device);

        Assert.That(failed, Is.SubsetOf(known), transcript.TextOf(command));
        Assert.That(failed, Does.Contain("features.refused"));
        Assert.That(passed, Does.Contain(passing).And.Contain("ring.id").And.Contain("reset.queues"));
    }

    private static string[] Ids(Transcript transcript, string command, string start) =>
    [
        .. transcript.OutputOf(command)
            .Select(line => Regex.Match(line, start + @" (?<id>[\w.-]+)"))
            .Where(match => match.Success)
            .Select(match => match.Groups["id"].Value)
            .Distinct()
            .Order(StringComparer.Ordinal),
    ];
}
