using NUnit.Framework;
using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Tests.Models;

namespace VirtioGuest.LibOS.Tests;

/// <summary>Which controller brings which line, and how it is set.</summary>
[TestFixture]
[NonParallelizable]
internal sealed unsafe class InterruptLinesTests
{
    private const ushort EdgeHigh = 5;
    private const ushort LevelHigh = 0xD;
    private const ushort LevelLow = 0xF;

    private IoApicModel _first = null!;
    private IoApicModel _second = null!;
    private InterruptDescription _description;
    private LocalApic _apic;
    private InterruptLines _lines;
    private PicModel _pic = null!;

    [SetUp]
    public void SetUp()
    {
        _description = default;
        _lines = default;
        _apic = default;
        _apic.Initialize(DeviceRegisters.Place(0xFEE0_0000, new LocalApicModel { Identifier = 2 << 24 }));
        _pic = new PicModel();
        _first = new IoApicModel();
        _second = new IoApicModel();
        Processor.Ports = _pic;
    }

    [TearDown]
    public void TearDown()
    {
        Processor.Ports = new FakePorts();
        DeviceRegisters.Clear();
    }

    [Test]
    public void A_pair_of_8259s_is_found_by_its_masks()
    {
        Assert.That(Pic8259.Initialize(), Is.True);
        Assert.That(_pic.Mask(0), Is.EqualTo(0xFB), "the cascade alone is open");
        Assert.That(_pic.Mask(1), Is.EqualTo(0xFF));
    }

    [Test]
    public void Ports_that_nobody_answers_are_no_8259()
    {
        Processor.Ports = new FakePorts();
        Assert.That(Pic8259.Initialize(), Is.False);
    }

    [Test]
    public void An_8259_takes_the_ISA_lines_and_an_IO_APIC_the_others()
    {
        WithLines(hasPic: true, ioApics: 2, (lines, _) =>
        {
            Assert.That(lines->CanInterrupt(5), Is.True);
            Assert.That(lines->CanInterrupt(16), Is.True);
            Assert.That(lines->CanInterrupt(47), Is.True);
            Assert.That(lines->CanInterrupt(48), Is.False);
            lines->Connect(5, isPci: false);
            lines->Unmask(5);
            lines->Connect(30, isPci: false);
            lines->Unmask(30);
            Assert.That(_pic.Mask(0), Is.EqualTo(0xDB));
            Assert.That(_first.Low(5), Is.EqualTo(0x1_0000u), "not twice");
            Assert.That(_second.Low(6), Is.EqualTo(0x8000u | 0x3E), "vector, level, high");
            Assert.That(_second.High(6), Is.EqualTo(2u << 24));
        });
    }

    [Test]
    public void Without_an_8259_ISA_lines_go_where_the_firmware_says()
    {
        _description.AddOverride(0, 2, 0);
        _description.AddOverride(9, 20, LevelLow);
        _description.AddOverride(10, 10, LevelHigh);
        _description.AddOverride(11, 11, EdgeHigh);
        WithLines(hasPic: false, ioApics: 1, (lines, _) =>
        {
            foreach (uint line in new uint[] { 4, 5, 9, 10, 11 })
            {
                Assert.That(lines->CanInterrupt(line), Is.True);
                lines->Connect(line, isPci: line == 5);
            }

            Assert.That(_first.Low(4), Is.EqualTo(0x1_0024u), "ISA's: edge, high, masked at first");
            Assert.That(_first.Low(5), Is.EqualTo(0x1_A025u), "PCI's: level, low");
            Assert.That(_first.Low(20), Is.EqualTo(0x1_A029u));
            Assert.That(_first.Low(10), Is.EqualTo(0x1_802Au));
            Assert.That(_first.Low(11), Is.EqualTo(0x1_002Bu));
        });
    }

    [TestCase(false, 0)]
    [TestCase(true, 0)]
    public void What_no_controller_brings_cannot_interrupt(bool hasPic, int ioApics)
    {
        WithLines(hasPic, ioApics, (lines, _) =>
        {
            Assert.That(lines->HasAny, Is.EqualTo(hasPic));
            Assert.That(lines->CanInterrupt(5), Is.EqualTo(hasPic));
            Assert.That(lines->CanInterrupt(0), Is.False, "the timer's");
            Assert.That(lines->CanInterrupt(2), Is.False, "the cascade");
            Assert.That(lines->CanInterrupt(16), Is.False);
        });
    }

    [Test]
    public void What_firmware_left_open_is_masked_and_no_entry_is_ever_torn()
    {
        WithLines(hasPic: false, ioApics: 2, (lines, _) =>
        {
            for (int input = 0; input < 24; input++)
            {
                Assert.That(_first.Low(input) & _second.Low(input) & 0x1_0000, Is.Not.Zero);
            }

            lines->Connect(7, isPci: true);
            lines->Unmask(7);
            lines->Connect(7, isPci: false);
            Assert.That(_first.WasTorn, Is.False);
        });
    }

    [Test]
    public void The_trigger_mode_of_an_8259_is_left_as_it_was_unless_firmware_says_otherwise()
    {
        _description.AddOverride(9, 9, LevelHigh);
        _description.AddOverride(10, 10, EdgeHigh);
        _description.AddOverride(0, 2, LevelHigh);
        _pic.Trigger = 1 << 10 | 1 << 11;
        WithLines(hasPic: true, ioApics: 1, (lines, _) =>
        {
            for (uint line = 3; line < 16; line++)
            {
                lines->Connect(line, isPci: line % 2 == 0);
            }

            Assert.That(_pic.Trigger, Is.EqualTo(1 << 9 | 1 << 11));
            Assert.That(_pic.Errors, Is.Empty);
        });
    }

    [Test]
    public void Every_line_of_the_8259s_is_ended_by_name()
    {
        WithLines(hasPic: true, ioApics: 0, (lines, _) =>
        {
            for (uint line = 0; line < 16; line++)
            {
                if (line != 2)
                {
                    Pic8259.Unmask(line);
                    _pic.Drive(line, true);
                    Assert.That(_pic.Take(), Is.EqualTo(line));
                    Assert.That(lines->IsSpurious(line), Is.False);
                    lines->Mask(line);
                    lines->Acknowledge(line);
                    _pic.Drive(line, false);
                    Assert.That(_pic.IsIdle, Is.True);
                    Assert.That(_pic.Asks, Is.False);
                }
            }

            Assert.That(_pic.Errors, Is.Empty);
        });
    }

    [TestCase(7u)]
    [TestCase(15u)]
    public void An_interrupt_that_is_gone_when_it_is_taken_leaves_nothing_in_service(uint spurious)
    {
        WithLines(hasPic: true, ioApics: 0, (lines, _) =>
        {
            uint line = spurious == 7 ? 3u : 11u;
            Pic8259.Unmask(line);
            _pic.Trigger = (ushort)(1 << (int)line);
            _pic.Drive(line, true);
            Assert.That(_pic.Asks, Is.True);
            if (spurious == 15)
            {
                // The cascade is taken, and then the secondary one finds nothing.
                _pic.TakeCascade();
            }

            _pic.Drive(line, false);
            Assert.That(_pic.TakeRest(spurious), Is.EqualTo(spurious));
            Assert.That(lines->IsSpurious(spurious), Is.True);
            Assert.That(_pic.IsIdle, Is.True);
            Assert.That(_pic.Errors, Is.Empty);
        });
    }

    private delegate void Test(InterruptLines* lines, LocalApic* apic);

    private void WithLines(bool hasPic, int ioApics, Test test)
    {
        fixed (InterruptLines* lines = &_lines)
        fixed (LocalApic* apic = &_apic)
        fixed (InterruptDescription* description = &_description)
        {
            if (hasPic)
            {
                Assert.That(Pic8259.Initialize(), Is.True);
            }

            IoApicModel[] models = [_first, _second];
            for (int i = 0; i < ioApics; i++)
            {
                byte* registers = DeviceRegisters.Place(0xFEC0_0000 + ((ulong)i * 0x1_0000), models[i]);
                Assert.That(lines->IoApics.Add(registers, IoApicDescription.AfterPrevious, 16), Is.True);
            }

            lines->Initialize(hasPic, apic, description);
            test(lines, apic);
        }
    }
}
