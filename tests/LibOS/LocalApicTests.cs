using NUnit.Framework;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Tests.Models;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
[NonParallelizable]
internal sealed unsafe class LocalApicTests
{
    private const ulong Address = 0xFEE0_0000;

    [TearDown]
    public void RemoveModel()
    {
        DeviceRegisters.Clear();
        Processor.TimestampStep = 1;
    }

    [Test]
    public void Lines_of_the_8259_get_through_though_nobody_enabled_the_APIC_before()
    {
        var model = new LocalApicModel();
        LocalApic apic = Start(model);

        Assert.That(model.PassesExternalInterrupts, Is.True);
        Assert.That(model[0x360], Is.EqualTo(0x400u), "LINT1 brings NMIs");
        Assert.That(model[0xF0], Is.EqualTo(0x1FFu));
        Assert.That(model[0x80], Is.Zero, "no priority is held back");
        Assert.That(apic.IsPresent, Is.True);
        Assert.That(model.Errors, Is.Empty);
    }

    [Test]
    public void The_timer_interrupts_once_it_is_calibrated()
    {
        var model = new LocalApicModel { TicksPerCount = 4 };
        LocalApic apic = Start(model);
        Processor.TimestampStep = 50;
        apic.CalibrateTimer(2_000_000);

        Assert.That(model[0x320], Is.EqualTo((uint)Vectors.Timer), "one shot, not masked");
        Assert.That(apic.TimerHertz, Is.EqualTo(500_000_000).Within(2_000_000));
        apic.ArmTimer(1_000_000);
        Assert.That(model[0x380], Is.EqualTo(500_000).Within(2_000));
        Assert.That(model.Errors, Is.Empty);
    }

    [Test]
    public void What_was_in_service_before_is_ended()
    {
        var model = new LocalApicModel();
        model.Serve(0x31);
        model.Serve(0x80);
        model.Serve(0xEF);
        Start(model);

        Assert.That(model.Ends, Is.EqualTo(3));
        Assert.That(model.Read(0x110) | model.Read(0x140) | model.Read(0x170), Is.Zero);
    }

    [TestCase(6u, 0x33u, 0x1_00FFu, TestName = "Interrupts_that_firmware_left_open_are_masked")]
    [TestCase(6u, 0x200u, 0x200u, TestName = "What_goes_to_the_firmware_itself_is_left")]
    public void Entries_of_others(uint lastEntry, uint before, uint after)
    {
        var model = new LocalApicModel { LastEntry = lastEntry };
        foreach (uint entry in new[] { 0x2F0u, 0x330u, 0x340u })
        {
            model[entry] = before;
        }

        // As firmware leaves it: enabled.
        model[0xF0] = 0x10F;
        Start(model);

        Assert.That(new[] { model[0x2F0], model[0x330], model[0x340] }, Is.All.EqualTo(after));
        Assert.That(model.Errors, Is.Empty);
    }

    [Test]
    public void Entries_that_the_processor_lacks_are_left_alone()
    {
        var model = new LocalApicModel { LastEntry = 3 };
        Start(model);
        Assert.That(model.Errors, Is.Empty);
    }

    [Test]
    public void Messages_go_to_the_processor_by_its_number()
    {
        LocalApic apic = Start(new LocalApicModel { Identifier = 0x0300_0000 });
        Assert.That(apic.Id, Is.EqualTo(3));
        Assert.That(apic.MessageAddress, Is.EqualTo(0xFEE0_3000));
    }

    [Test]
    public void X2APIC_mode_is_kept_and_its_registers_are_the_same_in_the_same_order()
    {
        Processor.WriteMsr(Msr.ApicBase, Address | 0xD00);
        Processor.WriteMsr(0x802, 0x105);
        Processor.WriteMsr(0x803, 0x6_0014);
        var apic = default(LocalApic);

        Assert.That(apic.Initialize((PageTable*)null), Is.True);

        Assert.That(Processor.ReadMsr(Msr.ApicBase), Is.EqualTo(Address | 0xD00));
        Assert.That(Processor.ReadMsr(0x80F), Is.EqualTo(0x1FF));
        Assert.That(Processor.ReadMsr(0x835), Is.EqualTo(0x700));
        Assert.That(apic.Id, Is.EqualTo(0x105));
        Assert.That(apic.IsReachable, Is.False, "no message can name it");
        Processor.WriteMsr(Msr.ApicBase, 0);
    }

    private static LocalApic Start(LocalApicModel model)
    {
        var apic = default(LocalApic);
        apic.Initialize(DeviceRegisters.Place(Address, model));
        return apic;
    }
}
