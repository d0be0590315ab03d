using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Devices over MMIO that only ACPI tells of: QEMU's <c>microvm</c> as it is by default. Its lines are those of an I/O
/// APIC above the sixteen of a PC.
/// </summary>
public sealed class AcpiDeviceTests : QemuTest
{
    [TestCase("microvm", "feb02e00", 47)]
    [TestCase("microvm,pcie=on", "feb02e00", 47)]
    [TestCase("microvm,ioapic2=off", "feb00e00", 23)]
    public void Disk_is_bound_and_interrupts(string machine, string address, int line)
    {
        const string Checksum = "blk 0 checksum 0 2048";
        DiskImage disk = NewDisk();
        GuestOptions options = new GuestOptions().WithArguments(
            "-machine", machine,
            "-global", "virtio-mmio.force-legacy=false",
            "-drive", $"if=none,id=a,format=raw,file={disk.Path}",
            "-device", "virtio-blk-device,drive=a");

        Transcript transcript = Run(options, $"disks; {Checksum}; lsvirtio; threads; exit");

        Assert.That(
            transcript.Start,
            Has.One.StartsWith($"disk0: virtio-blk at 0x{address}, ").And.None.EndsWith("skipped"));
        Assert.That(transcript.OutputOf("disks"), Has.Count.EqualTo(1));
        Assert.That(transcript.OutputOf(Checksum), Is.EqualTo(new[] { disk.Checksum(0, 2048) }));
        Assert.That(
            transcript.TextOf("lsvirtio"),
            Does.Match($"(?m)^disk0: virtio-blk, virtio-mmio at 0x{address}, .* interrupt line {line}, running$"));
        Assert.That(transcript.TextOf("threads"), Does.Match($"(?m) disk0 +line {line} +[1-9][0-9]*$"));
    }

    [Test]
    public void Device_that_command_line_and_ACPI_name_is_there_once()
    {
        QemuGuest guest = Start(new GuestOptions { CommandLine = "virtio_mmio.device=512@0xfeb02e00:5" }.WithArguments(
            "-machine", "microvm",
            "-drive", $"if=none,id=a,format=raw,file={NewDisk().Path}",
            "-device", "virtio-blk-device,drive=a"));
        guest.WaitForPrompt();

        Assert.That(
            guest.Serial.Lines.Where(line => line.StartsWith("0xfeb02e00", StringComparison.Ordinal)),
            Is.EqualTo(new[] { "0xfeb02e00 offers the legacy interface only (virtio-mmio version 1): skipped" }));
    }
}
