using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Devices that only the kernel command line tells of: <c>microvm</c> without ACPI puts their words there by itself
/// (virtio 1.4, 4.2).
/// </summary>
public sealed class MmioTests : QemuTest
{
    private const string Modern = "virtio-mmio.force-legacy=false";

    [Test]
    public void Several_disks_have_a_line_each()
    {
        // Eight places: one of them has line 8, which cannot be level-triggered at all.
        DiskImage[] disks = [.. Enumerable.Range(0, 8).Select(_ => NewDisk(64))];
        GuestOptions options = Microvm().WithArguments("-global", Modern);
        for (int i = 0; i < disks.Length; i++)
        {
            options = options.WithArguments(
                "-drive", $"if=none,id=d{i},format=raw,file={disks[i].Path}",
                "-device", $"virtio-blk-device,drive=d{i},packed=on");
        }

        string[] commands = [.. disks.Select((_, i) => $"blk {i} checksum 0 64")];
        Transcript transcript = Run(options, string.Join("; ", commands) + "; exit");

        // The words are in the order of the places, not in that of the devices: which is which, their contents tell.
        Assert.That(
            commands.SelectMany(command => transcript.OutputOf(command)),
            Is.EquivalentTo(disks.Select(disk => disk.Checksum(0, 64))));
    }

    [Test]
    public void Words_of_devices_behind_a_long_command_line_are_found()
    {
        DiskImage disk = NewDisk(64);
        GuestOptions options = Microvm().WithArguments(
            "-global", Modern,
            "-drive", $"if=none,id=a,format=raw,file={disk.Path}",
            "-device", "virtio-blk-device,drive=a");

        Transcript transcript = Run(
            options with { CommandLine = $"run='blk 0 checksum 0 64; exit' x={new string('x', 3500)}" });

        Assert.That(transcript.OutputOf("blk 0 checksum 0 64"), Is.EqualTo(new[] { disk.Checksum(0, 64) }));
    }

    [Test]
    public void Legacy_device_is_named_and_skipped()
    {
        GuestOptions options = Microvm().WithArguments(
            "-drive", $"if=none,id=a,format=raw,file={NewDisk().Path}",
            "-device", "virtio-blk-device,drive=a");

        Transcript transcript = Run(options, "disks; exit");

        Assert.That(transcript.Start, Has.Some.Match(
            @"^0xfeb0[0-9a-f]+ offers the legacy interface only \(virtio-mmio version 1\): skipped$"));
    }

    [Test]
    public void Bad_word_costs_a_line_and_nothing_else()
    {
        DiskImage disk = NewDisk();
        GuestOptions options = new GuestOptions
        {
            CommandLine = "virtio_mmio.device=512@nowhere:5 virtio_mmio.device=512@0x100000:5 "
                + "virtio_mmio.device=512@0xfeb00000:5",
        };

        Transcript transcript = Run(options.WithDisk(disk), "blk 0 checksum 0 2048; exit");

        Assert.That(transcript.Start, Has.Some.EqualTo(
            "virtio_mmio.device=512@nowhere:5 is not of the form SIZE@ADDRESS:LINE: skipped"));
        Assert.That(transcript.Start, Has.Some.EqualTo(
            "virtio_mmio.device=512@0x100000:5 names an address in RAM: skipped"));
        Assert.That(transcript.Start, Has.Some.EqualTo("0xfeb00000 has no virtio device: skipped"));
        Assert.That(transcript.OutputOf("blk 0 checksum 0 2048"), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
    }

    // Of two machine options the later counts.
    private static GuestOptions Microvm() => new GuestOptions().WithArguments("-machine", "microvm,acpi=off");
}
