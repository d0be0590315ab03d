using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>
/// Devices over MMIO that only ACPI tells of: QEMU's <c>microvm</c> as it is by default. Its lines are those of an I/O
/// APIC above the sixteen of a PC; where they cannot be had, a line says so for each device.
/// </summary>
public sealed class AcpiDeviceTests : QemuTest
{
    [TestCase("microvm")]
    [TestCase("microvm,pcie=on")]
    [TestCase("microvm,ioapic2=off")]
    public void Device_is_found_or_named(string machine)
    {
        const string Command = "blk 0 checksum 0 2048";
        DiskImage disk = NewDisk();
        QemuGuest guest = Start(new GuestOptions().WithArguments(
            "-machine", machine,
            "-global", "virtio-mmio.force-legacy=false",
            "-drive", $"if=none,id=a,format=raw,file={disk.Path}",
            "-device", "virtio-blk-device,drive=a"));
        guest.WaitForPrompt();

        string[] about =
        [
            .. guest.Serial.Lines.Where(line => line.Contains("virtio-blk", StringComparison.Ordinal)),
        ];
        Assert.That(about, Has.Length.EqualTo(1));
        if (about[0].EndsWith("skipped", StringComparison.Ordinal))
        {
            Assert.That(
                about[0], Does.Match("^0xfeb[0-9a-f]{5}: virtio-blk cannot have interrupt line (23|47): skipped$"));
            return;
        }

        guest.Type(Command + "\n");
        guest.WaitForLine($"^{disk.Checksum(0, 2048)}$");
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
            Is.EqualTo(new[] { "0xfeb02e00: offers the legacy interface only (virtio-mmio version 1): skipped" }));
    }
}
