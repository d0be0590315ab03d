using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Pci;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Pci;

/// <summary>The ISR status with the pin, and MSI-X (virtio 1.4, 4.1.4.5, 4.1.5.3, 4.1.5.4; PCI 3.0, 6.8.2).</summary>
internal sealed class PciInterruptTests
{
    private const ulong MessageAddress = 0x1_FEE0_0000;

    [Test]
    public void Both_ISR_bits_are_set_independently_and_cleared_by_one_read()
    {
        using PciBench bench = new();
        HandRing ring = bench.Start(0);
        bench.UseOne(ring);
        Assert.That(bench.Function.IsrStatus, Is.EqualTo(1));
        bench.Device.Change(0, 1);
        Assert.That(bench.Function.IsrStatus, Is.EqualTo(3));
        Assert.That(bench.Get16(0x06) & 8, Is.EqualTo(8), "Interrupt Status");
        Assert.That(bench.Output.LineChanges, Is.EqualTo(new[] { true }));

        Assert.That(bench.Registers.Read8(0x1000), Is.EqualTo(3));

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Registers.Read8(0x1000), Is.Zero);
            Assert.That(bench.Get16(0x06) & 8, Is.Zero);
            Assert.That(bench.Output.LineChanges, Is.EqualTo(new[] { true, false }));
        }
    }

    [Test]
    public void A_configuration_change_alone_sets_only_its_bit()
    {
        using PciBench bench = new();
        bench.Start(0);
        bench.Device.Change(0, 1);

        Assert.That(bench.Registers.Read8(0x1000), Is.EqualTo(2));
    }

    [Test]
    public void A_disabled_pin_stays_silent_but_the_interrupt_is_shown()
    {
        using PciBench bench = new();
        HandRing ring = bench.Start(0);
        bench.Put16(0x04, 0x406);
        bench.UseOne(ring);
        Assert.That(bench.Output.LineChanges, Is.Empty);
        Assert.That(bench.Get16(0x06) & 8, Is.EqualTo(8));

        bench.Put16(0x04, 6);
        Assert.That(bench.Output.IsLineAsserted, Is.True);
    }

    [Test]
    public void A_reset_withdraws_the_interrupt()
    {
        using PciBench bench = new();
        bench.UseOne(bench.Start(0));
        bench.Registers.Write8(0x14, 0);

        Assert.That(bench.Function.IsrStatus, Is.Zero);
        Assert.That(bench.Output.IsLineAsserted, Is.False);
    }

    [Test]
    public void Under_MSI_X_a_queue_sends_its_vector_and_leaves_ISR_and_pin_alone()
    {
        using PciBench bench = new();
        bench.EnableMsix();
        bench.SetVector(2);
        HandRing ring = bench.Start(0, 2);
        Assert.That(bench.Registers.Read16(0x1A), Is.EqualTo(2));
        bench.UseOne(ring);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Output.Messages, Is.EqualTo(new[] { (MessageAddress, 0x42u) }));
            Assert.That(bench.Function.IsrStatus, Is.Zero);
            Assert.That(bench.Output.LineChanges, Is.Empty);
        }
    }

    [Test]
    public void Under_MSI_X_a_configuration_change_sends_its_vector_and_sets_its_ISR_bit()
    {
        using PciBench bench = new();
        bench.EnableMsix();
        bench.SetVector(1);
        bench.Start(0);
        bench.Registers.Write16(0x10, 1);
        bench.Device.Change(0, 1);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Output.Messages, Is.EqualTo(new[] { (MessageAddress, 0x41u) }));
            Assert.That(bench.Registers.Read8(0x1000), Is.EqualTo(2));
            Assert.That(bench.Get16(0x06) & 8, Is.Zero, "Interrupt Status is for the pin");
            Assert.That(bench.Output.LineChanges, Is.Empty);
        }
    }

    [Test]
    public void An_event_without_a_vector_is_silent()
    {
        using PciBench bench = new();
        bench.EnableMsix();
        bench.SetVector(0);
        bench.UseOne(bench.Start(0));
        bench.Device.Change(0, 1);

        Assert.That(bench.Output.Messages, Is.Empty);
    }

    [Test]
    public void A_masked_vector_is_pending_and_is_sent_once_when_unmasked()
    {
        using PciBench bench = new();
        bench.EnableMsix();
        bench.SetVector(3, isMasked: true);
        HandRing ring = bench.Start(0, 3);
        bench.UseOne(ring);
        bench.UseOne(ring);
        Assert.That(bench.Output.Messages, Is.Empty);
        Assert.That(bench.Vectors.Read32(0x40), Is.EqualTo(8), "pending bit 3, behind four entries");

        bench.Vectors.Write32((16 * 3) + 12, 0);

        Assert.That(bench.Output.Messages, Is.EqualTo(new[] { (MessageAddress, 0x43u) }));
        Assert.That(bench.Vectors.Read32(0x40), Is.Zero);
    }

    [Test]
    public void The_function_mask_holds_all_vectors_back()
    {
        using PciBench bench = new();
        bench.EnableMsix(isMasked: true);
        bench.SetVector(0);
        bench.UseOne(bench.Start(0, 0));
        Assert.That(bench.Output.Messages, Is.Empty);
        Assert.That(bench.Function.Vectors.IsPending(0), Is.True);

        bench.EnableMsix();
        Assert.That(bench.Output.Messages, Has.Count.EqualTo(1));
    }

    [Test]
    public void Vectors_are_masked_at_first()
    {
        using PciBench bench = new();

        Assert.That(Enumerable.Range(0, 4).Select(vector => bench.Vectors.Read32((16 * (uint)vector) + 12)),
            Is.All.EqualTo(1));
    }

    [Test]
    public void Pending_bits_are_for_reading()
    {
        using PciBench bench = new();
        bench.Vectors.Write32(0x40, 1);

        Assert.That(bench.Vectors.Read32(0x40), Is.Zero);
        Assert.That(bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.RegisterAccess));
    }

    [TestCase(3, 3, true)]
    [TestCase(4, 0xFFFF, false)]
    [TestCase(0xFFFF, 0xFFFF, true)]
    public void Only_vectors_of_the_table_can_be_mapped(int vector, int expected, bool isLegal)
    {
        using PciBench bench = new();
        bench.Registers.Write16(0x10, (ushort)vector);

        Assert.That(bench.Registers.Read16(0x10), Is.EqualTo(expected));
        Assert.That(bench.Device.Findings.Select(finding => finding.Rule),
            isLegal ? Is.Empty : Is.EqualTo(new[] { DriverRule.VectorRange }));
    }

    [Test]
    public void A_mapping_that_fails_reads_back_as_none()
    {
        using PciBench bench = new(new PciFunctionOptions { MappableVectors = 1 });
        bench.Registers.Write16(0x1A, 1);

        Assert.That(bench.Registers.Read16(0x1A), Is.EqualTo(0xFFFF));
        Assert.That(bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void A_reset_unmaps_all_events()
    {
        using PciBench bench = new();
        bench.Start(0, 1);
        bench.Registers.Write16(0x10, 2);
        bench.Registers.Write8(0x14, 0);

        Assert.That((bench.Registers.Read16(0x10), bench.Registers.Read16(0x1A)),
            Is.EqualTo(((ushort)0xFFFF, (ushort)0xFFFF)));
    }

    [Test]
    public void A_function_may_have_no_MSI_X()
    {
        using PciBench bench = new(new PciFunctionOptions { VectorCount = 0 });

        Assert.That(bench.FindCapability(0x11), Is.Zero);
        bench.UseOne(bench.Start(0));
        Assert.That(bench.Output.IsLineAsserted, Is.True);
    }

    [TestCase(1, 0x0000)]
    [TestCase(65, 0x0040)]
    [TestCase(2048, 0x07FF)]
    public void The_MSI_X_capability_tells_size_table_and_pending_bits(int count, int size)
    {
        using PciBench bench = new(new PciFunctionOptions { VectorCount = count });
        uint at = bench.FindCapability(0x11);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(bench.Get16(at + 2), Is.EqualTo(size));
            Assert.That(bench.Get32(at + 4), Is.EqualTo(2), "table at 0 of range 2");
            Assert.That(bench.Get32(at + 8), Is.EqualTo((16 * count) | 2));
            Assert.That(bench.Function.BaseAddressLength(2), Is.GreaterThanOrEqualTo(16 * count + 8));
        }
    }
}
