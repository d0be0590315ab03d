using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.Acpi;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What is read out of definition blocks without executing them.</summary>
[TestFixture]
internal sealed class AmlNamespaceTests
{
    private const uint Place = 0xFEB02E00;

    [Test]
    public void Devices_and_their_constants_are_found_wherever_they_are_defined()
    {
        AmlNamespace names = Load(AmlBytes.Block(
            AmlBytes.Name("\\DBG_", AmlBytes.Package(AmlBytes.Word(1), AmlBytes.String("x"))),
            AmlBytes.Method("_PIC", 0x70, 0x68, 0x60),
            AmlBytes.Scope(
                "_SB_",
                AmlBytes.Device(
                    "VR23",
                    AmlBytes.Name("_HID", AmlBytes.String("LNRO0005")),
                    AmlBytes.Name("_CRS", AmlBytes.Buffer(AmlBytes.Resources(Place, 0x200, 47)))),
                AmlBytes.Device("PWRB", AmlBytes.Name("_HID", AmlBytes.Word(0x0C0CD041)))),
            AmlBytes.Scope("\\_SB_", AmlBytes.Scope("VR23", AmlBytes.Name("_STA", AmlBytes.Word(0xE))))));

        Assert.That(names.Devices, Is.EqualTo(new[] { "_SB_.VR23", "_SB_.PWRB" }));
        Assert.That(names.HardwareIdOf("_SB_.VR23"), Is.EqualTo("LNRO0005"));
        Assert.That(names.HardwareIdOf("_SB_.PWRB"), Is.EqualTo("PNP0C0C"));
        Assert.That(names.IsPresent("_SB_.VR23"), Is.False, "_STA says so");
        Assert.That(names.IsPresent("_SB_.PWRB"), Is.True);
        Assert.That(names.Cuts, Is.Zero);
        DeviceResources resources = DeviceResources.Read(names.ResourcesOf("_SB_.VR23"));
        Assert.That((resources.Memory.Start, resources.Memory.Length), Is.EqualTo((Place, 0x200)));
        Assert.That(resources.Interrupt, Is.EqualTo(47));
    }

    [Test]
    public void Fields_are_placed_behind_gaps()
    {
        AmlNamespace names = Load(AmlBytes.Block(AmlBytes.Device(
            "PHPR",
            AmlBytes.Region("PCST", 1, 0xAE00, 8),
            AmlBytes.Fields("PCST", ("PCIU", 32), ("", 0x120), ("PCID", 32)))));

        Assert.That(names.Region("PHPR", "PCST"), Is.EqualTo(new AmlRegion(1, 0xAE00, 8)));
        Assert.That(names.Field("PHPR", "PCIU"), Is.EqualTo(new AmlField("PHPR.PCST", 0, 32)));
        Assert.That(names.Field("PHPR", "PCID"), Is.EqualTo(new AmlField("PHPR.PCST", 0x140, 32)));
    }

    [Test]
    public void A_term_of_unknown_length_ends_its_scope_and_nothing_else()
    {
        AmlNamespace names = Load(AmlBytes.Block(
            AmlBytes.Device("AAAA", [0x70, 1, 2], AmlBytes.Name("_HID", AmlBytes.String("LOST0000"))),
            AmlBytes.Device("BBBB", AmlBytes.Name("_HID", AmlBytes.String("KEPT0000")))));

        Assert.That(names.HardwareIdOf("AAAA"), Is.Empty);
        Assert.That(names.HardwareIdOf("BBBB"), Is.EqualTo("KEPT0000"));
        Assert.That(names.Cuts, Is.EqualTo(1));
    }

    [Test]
    public void Any_bytes_come_to_an_end()
    {
        byte[] sound = AmlBytes.Block(AmlBytes.Scope(
            "_SB_",
            AmlBytes.Device(
                "VR00",
                AmlBytes.Name("_HID", AmlBytes.String("LNRO0005")),
                AmlBytes.Name("_CRS", AmlBytes.Buffer(AmlBytes.Resources(Place, 0x200, 47))),
                AmlBytes.Region("EREG", 0, 1, 4),
                AmlBytes.Fields("EREG", ("ESEL", 32)),
                AmlBytes.Method("_EVT", 1, 2, 3))));
        var random = new Random(20260);
        for (int round = 0; round < 20_000; round++)
        {
            byte[] block = round % 2 == 0 ? (byte[])sound.Clone() : new byte[random.Next(36, 200)];
            if (round % 2 == 0)
            {
                for (int change = random.Next(1, 5); change > 0; change--)
                {
                    block[random.Next(36, block.Length)] = (byte)random.Next(256);
                }
            }
            else
            {
                random.NextBytes(block);
            }

            AmlNamespace names = Load(block[..random.Next(36, block.Length + 1)]);
            foreach (string device in names.Devices)
            {
                DeviceResources.Read(names.ResourcesOf(device));
            }
        }
    }

    [Test]
    public void Nesting_without_end_is_cut()
    {
        byte[] inner = AmlBytes.Name("_HID", AmlBytes.String("DEEP0000"));
        for (int depth = 0; depth < 100; depth++)
        {
            inner = AmlBytes.Device("D___", inner);
        }

        Assert.That(Load(AmlBytes.Block(inner)).Cuts, Is.EqualTo(1));
    }

    [Test]
    public void Places_of_virtio_devices_are_added_behind_those_of_the_command_line()
    {
        var output = new RecordingOutput();
        List<MmioDeviceWord> places = [new(new AddressRange(0xFEB00000, 0x200), 5)];
        VirtioMmioDevices.AddTo(places, Load(AmlBytes.Block(AmlBytes.Scope(
            "_SB_",
            Virtio("VR02", 0xFEB00400, 26),
            Virtio("VR01", 0xFEB00200, 25),
            Virtio("VR00", 0xFEB00000, 24),
            AmlBytes.Device("VR03", AmlBytes.Name("_HID", AmlBytes.String("LNRO0005"))),
            Virtio("VR04", 0xFEB00800, 300)))), output);

        Assert.That(places, Is.EqualTo(new MmioDeviceWord[]
        {
            new(new AddressRange(0xFEB00000, 0x200), 5),
            new(new AddressRange(0xFEB00200, 0x200), 25),
            new(new AddressRange(0xFEB00400, 0x200), 26),
        }));
        Assert.That(output.Lines, Is.EqualTo(new[]
        {
            "_SB_.VR03: ACPI does not say outright where this virtio device is: skipped",
            "_SB_.VR04: this virtio device cannot be reached as ACPI says: skipped",
        }));
    }

    private static byte[] Virtio(string name, uint place, uint line) => AmlBytes.Device(
        name,
        AmlBytes.Name("_HID", AmlBytes.String("LNRO0005")),
        AmlBytes.Name("_CRS", AmlBytes.Buffer(AmlBytes.Resources(place, 0x200, line))));

    private static AmlNamespace Load(byte[] block) => AmlNamespace.Load([block]);
}
