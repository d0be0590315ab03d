using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Conformance.Traces;

namespace VirtioGuest.Conformance.Tests;

/// <summary>What QEMU traces is judged as what happens in process is, whatever state the trace is in.</summary>
public sealed class TraceTests
{
    private const string Common = "virtio-pci-common-virtio-blk";
    private const string Function = "virtio-blk-pci 00:04.0";
    private const ulong Base = 0xFEBF_8000;

    [Test]
    public void A_right_driver_breaks_nothing()
    {
        IReadOnlyList<Verdict> verdicts = QemuTrace.Read(Right()).Judge("guest", onlyLast: false);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Broken(verdicts), Is.Empty);
            Assert.That(
                verdicts.Where(each => each.Outcome == Outcome.Pass).Select(each => each.Requirement.Id),
                Is.SupersetOf(new[] { "drv.general.21", "drv.general.27", "drv.pci.19", "drv.pci.37", "drv.pci.48" }));
            Assert.That(
                verdicts.Select(each => each.Target).Distinct(),
                Is.EqualTo(new[] { "guest/virtio-blk 00:04.0" }));
        }
    }

    [TestCase(0xBu, "drv.general.21", Description = "FEATURES_OK is never read back")]
    [TestCase(0u, "drv.pci.19", Description = "the reset is not waited for")]
    public void A_wrong_driver_breaks_what_it_breaks(uint statusThatIsNotRead, string requirement)
    {
        string[] lines = [.. Lines().Where(line => line != Read(0x14, statusThatIsNotRead, 1))];

        string[] broken = Broken(QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: false));

        Assert.That(broken, Is.EqualTo(new[] { requirement }));
    }

    [Test]
    public void Firmware_that_used_the_device_before_is_left_out_where_that_is_asked_for()
    {
        string[] firmware = [Write(0x14, 0, 1), Write(0x14, 3, 1), Write(0x14, 0xF, 1)];
        const int Placing = 4;
        string[] lines = [.. Lines().Take(Placing), .. firmware, .. Lines().Skip(Placing)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Broken(QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: false)), Is.Not.Empty);
            Assert.That(Broken(QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: true)), Is.Empty);
        }
    }

    [Test]
    public void A_reset_at_the_end_is_no_driver_of_its_own()
    {
        string[] lines = [Write(0x14, 1, 1), .. Lines(), Write(0x14, 0, 1)];

        IReadOnlyList<Verdict> verdicts = QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: true);

        Assert.That(verdicts.Count(each => each.Outcome == Outcome.Pass), Is.GreaterThan(10));
    }

    [Test]
    public void Two_devices_of_a_kind_are_told_apart_by_where_they_were_placed()
    {
        string[] other =
        [
            "pci_cfg_write virtio-blk-pci 00:05.0 @0x20 <- 0xfebfc000",
            Line("write", Common, Base + 0x4014, 0, 1),
            Line("write", Common, Base + 0x4014, 4, 1),
        ];
        QemuTrace trace = QemuTrace.Read(Text([.. other, .. Lines()]));

        IReadOnlyList<Verdict> verdicts = trace.Judge("guest", onlyLast: false);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(trace.Devices, Is.EqualTo(new[] { "virtio-blk 00:05.0", "virtio-blk 00:04.0" }));
            Assert.That(Broken(verdicts.Where(each => each.Target == "guest/virtio-blk 00:04.0")), Is.Empty);
            Assert.That(
                Broken(verdicts.Where(each => each.Target == "guest/virtio-blk 00:05.0")),
                Has.Member("drv.general.1"));
        }
    }

    [Test]
    public void Registers_over_MMIO_are_judged_by_the_device_ID_that_was_read()
    {
        string[] lines =
        [
            Mmio("read", 0xE00, 0x74726976), Mmio("read", 0xE04, 2), Mmio("read", 0xE08, 2),
            Mmio("write", 0xE70, 0), Mmio("read", 0xE70, 0), Mmio("write", 0xE70, 2),
        ];

        IReadOnlyList<Verdict> verdicts = QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: false);

        Assert.That(Broken(verdicts), Is.EqualTo(new[] { "drv.general.1" }));
    }

    [Test]
    public void What_was_found_over_MMIO_before_the_reset_counts_as_the_drivers_look()
    {
        string[] lines =
        [
            Mmio("write", 0xE70, 0),
            Mmio("read", 0xE00, 0x74726976), Mmio("read", 0xE04, 2), Mmio("read", 0xE08, 2),
            Mmio("write", 0xE70, 0), Mmio("read", 0xE70, 0), Mmio("write", 0xE70, 0xF),
        ];

        string[] broken = Broken(QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: true));

        Assert.That(broken, Has.No.Member("drv.mmio.24").And.No.Member("drv.mmio.25"));
    }

    [Test]
    public void Of_a_value_that_is_wider_than_its_access_only_the_access_counts()
    {
        string[] lines = [.. Lines().Select(line => line == Read(0x14, 0, 1) ? Read(0x14, 0x100, 1) : line)];

        Assert.That(Broken(QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: false)), Is.Empty);
    }

    [TestCase(0u, 2u, Description = "an empty place")]
    [TestCase(2u, 1u, Description = "a legacy device")]
    public void A_place_without_a_device_of_version_2_is_not_judged(uint id, uint version)
    {
        string[] lines = [Mmio("read", 0xE00, 0x74726976), Mmio("read", 0xE04, version), Mmio("read", 0xE08, id)];

        Assert.That(QemuTrace.Read(Text(lines)).Judge("guest", onlyLast: false), Is.Empty);
    }

    [TestCase("memory_region_ops_write cpu 0 mr 0x55 addr 0xfebf80")]
    [TestCase("pci_cfg_write virtio-blk-pci 00:04.0 @0x4")]
    public void A_trace_that_ends_in_the_middle_of_a_line_is_judged_up_to_there(string end)
    {
        QemuTrace trace = QemuTrace.Read(new StringReader(string.Join('\n', Lines().Append(end))));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(trace.IsCut, Is.True);
            Assert.That(Broken(trace.Judge("guest", onlyLast: false)), Is.Empty);
        }
    }

    [Test]
    public void Half_a_line_in_the_middle_is_an_error_that_names_it()
    {
        string[] lines = [Write(0x14, 0, 1), "memory_region_ops_write cpu 0 mr 0x55 addr 0x", Write(0x14, 1, 1)];

        Assert.That(
            () => QemuTrace.Read(Text(lines)),
            Throws.TypeOf<FormatException>().With.Message.EqualTo("line 2 of the trace is no complete access"));
    }

    [TestCase("")]
    [TestCase("qemu-system-x86_64: terminating on signal 15\n")]
    public void What_is_no_trace_is_refused(string text) =>
        Assert.That(() => QemuTrace.Read(new StringReader(text)), Throws.TypeOf<FormatException>());

    [Test]
    public void No_nonsense_gets_through()
    {
        Random random = new(4);
        string[] lines = [.. Lines()];
        for (int round = 0; round < 300; round++)
        {
            StringBuilder text = new(string.Join('\n', lines));
            for (int i = 0; i < 20; i++)
            {
                text[random.Next(text.Length)] = (char)random.Next(1, 0x250);
            }

            try
            {
                QemuTrace.Read(new StringReader(text.ToString())).Judge("guest", onlyLast: round % 2 == 0);
            }
            catch (FormatException failure)
            {
                Assert.That(failure.Message, Is.Not.Empty);
            }
        }
    }

    [Test]
    public void Accesses_to_the_legacy_interface_are_counted()
    {
        string legacy = "memory_region_ops_write cpu 0 mr 0x57 addr 0xc012 value 0x1 size 1 name 'virtio-pci'";

        Assert.That(QemuTrace.Read(Text([legacy])).LegacyAccesses, Is.EqualTo(1));
    }

    private static StringReader Right() => Text(Lines());

    private static StringReader Text(IEnumerable<string> lines) => new(string.Join('\n', lines) + "\n");

    private static string[] Broken(IEnumerable<Verdict> verdicts) =>
        [.. verdicts.Where(each => each.Outcome == Outcome.Fail).Select(each => each.Requirement.Id)];

    private static string Write(uint offset, uint value, int size) => Line("write", Common, Base + offset, value, size);

    private static string Read(uint offset, uint value, int size) => Line("read", Common, Base + offset, value, size);

    private static string Mmio(string what, uint offset, uint value) =>
        Line(what, "virtio-mmio", 0xFEB0_0000 + offset, value, 4);

    private static string Line(string what, string name, ulong address, uint value, int size) =>
        $"memory_region_ops_{what} cpu 0 mr 0x55 addr 0x{address:x} value 0x{value:x} size {size} name '{name}'";

    /// <summary>A driver of a disk, from the base address to the first notification.</summary>
    private static IEnumerable<string> Lines() =>
    [
        "QEMU says something",
        $"pci_cfg_write {Function} @0x20 <- 0x{Base:x}",
        $"pci_cfg_write {Function} @0x24 <- 0x0",
        $"pci_cfg_write {Function} @0x4 <- 0x106",
        Write(0x14, 0, 1), Read(0x14, 0, 1), Write(0x14, 1, 1), Write(0x14, 3, 1),
        Write(0x00, 0, 4), Read(0x04, 0x3000_0000, 4), Write(0x00, 1, 4), Read(0x04, 1, 4),
        Write(0x08, 0, 4), Write(0x0C, 0, 4), Write(0x08, 1, 4), Write(0x0C, 1, 4),
        Write(0x14, 0xB, 1), Read(0x14, 0xB, 1),
        Read(0x15, 0, 1),
        Line("read", "virtio-pci-device-virtio-blk", Base + 0x2000, 8192, 4),
        Line("read", "virtio-pci-device-virtio-blk", Base + 0x2004, 0, 4),
        Read(0x15, 0, 1),
        Write(0x16, 0, 2), Read(0x18, 256, 2), Write(0x18, 128, 2),
        Write(0x20, 0x10000, 4), Write(0x24, 0, 4), Write(0x28, 0x20000, 4), Write(0x2C, 0, 4),
        Write(0x30, 0x30000, 4), Write(0x34, 0, 4), Write(0x1C, 1, 2), Read(0x1E, 0, 2),
        Write(0x14, 0xF, 1),
        Line("write", "virtio-pci-notify-virtio-blk", Base + 0x3000, 0, 2),
    ];
}
