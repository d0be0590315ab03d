using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Model;

/// <summary>The status machine of a device (virtio 1.4, 2.1, 3.1, 3.4), through the registers of virtio-mmio.</summary>
internal sealed class StatusTests
{
    private const ulong Buffer = GuestRam.Base + 0x100000;

    private MmioBench<EchoDevice> _bench = null!;

    private DriverRule[] Findings => [.. _bench.Device.Findings.Select(finding => finding.Rule)];

    [SetUp]
    public void Prepare() => _bench = new MmioBench<EchoDevice>(ram => new EchoDevice(ram.Regions));

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void A_correct_driver_starts_the_device_and_leaves_no_finding()
    {
        _bench.Start(FeatureBit.RingPacked);

        Assert.That(_bench.Status, Is.EqualTo(0xF));
        Assert.That(_bench.Device.IsRunning, Is.True);
        Assert.That(Findings, Is.Empty);
    }

    [Test]
    public void Features_that_were_not_offered_are_refused()
    {
        Assert.That(_bench.Negotiate(FeatureBit.Version1 | (1UL << 60)), Is.False);
        Assert.That(_bench.Status, Is.EqualTo(3));
        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.FeatureNotAcceptable }));
    }

    [Test]
    public void Features_beyond_the_second_word_are_refused_if_not_0()
    {
        _bench.WriteStatus(1);
        _bench.WriteStatus(3);
        _bench.Registers.Write32(0x24, 1);
        _bench.Registers.Write32(0x20, 1);
        _bench.Registers.Write32(0x24, 2);
        _bench.Registers.Write32(0x20, 4);
        _bench.WriteStatus(0xB);

        Assert.That(_bench.Status, Is.EqualTo(3));
    }

    [Test]
    public void A_driver_without_VERSION_1_is_refused() => Assert.That(_bench.Negotiate(0), Is.False);

    [Test]
    public void A_driver_that_accepts_what_only_seems_to_be_offered_is_found_out()
    {
        _bench.Device.FalseFeatures = 1UL << 60;
        Assert.That(_bench.ReadFeatures() & (1UL << 60), Is.Not.Zero);
        Assert.That(_bench.Negotiate(FeatureBit.Version1), Is.True);
        Assert.That(_bench.Negotiate(FeatureBit.Version1 | (1UL << 60)), Is.False);
        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.FeatureNotAcceptable }));
    }

    [Test]
    public void What_happens_before_the_device_is_live_is_not_told()
    {
        _bench.Device.BeforeLive = () =>
        {
            Assert.That(_bench.Device.IsRunning, Is.False);
            _bench.Device.SetNeedsReset("at once");
        };
        _bench.Start(FeatureBit.RingPacked);
        Assert.That(_bench.Status, Is.EqualTo(0x4F));
        Assert.That(_bench.Mmio.InterruptStatus, Is.Zero);
    }

    [Test]
    public void Register_writes_are_told_in_words()
    {
        List<string> writes = [];
        _bench.Device.OnRegisterWrite = writes.Add;
        _bench.Start(FeatureBit.RingPacked);
        _bench.Notify(0);
        Assert.That(writes[..6], Is.EqualTo(new[]
        {
            "status=0", "status=1", "status=3", "driver_feature[0]=0", "driver_feature[1]=5", "status=b",
        }));
        Assert.That(writes[6..14], Is.EqualTo(new[]
        {
            "queue_size[0]=8", "queue_desc_low[0]", "queue_desc_high[0]", "queue_driver_low[0]",
            "queue_driver_high[0]", "queue_device_low[0]", "queue_device_high[0]", "queue_enable[0]=1",
        }));
        Assert.That(writes[^2..], Is.EqualTo(new[] { "status=f", "notify[0]" }));
    }

    [Test]
    public void A_reset_that_is_asked_for_again_takes_no_shorter()
    {
        _bench.Start(FeatureBit.RingPacked);
        _bench.Device.ResetDelay = 3;
        _bench.WriteStatus(0);
        Assert.That(_bench.Status, Is.EqualTo(0xF));
        _bench.WriteStatus(0x80);
        _bench.WriteStatus(0);
        Assert.That(new[] { _bench.Status, _bench.Status, _bench.Status, _bench.Status },
            Is.EqualTo(new[] { 0xF, 0xF, 0xF, 0 }));
        Assert.That(Findings, Is.Empty, "a driver may give up at any time");
    }

    [Test]
    public void The_device_may_refuse_whatever_it_likes()
    {
        _bench.Device.RefusesFeatures = true;

        Assert.That(_bench.Negotiate(FeatureBit.Version1), Is.False);
        Assert.That(Findings, Is.Empty);
    }

    [Test]
    public void Features_are_final_after_FEATURES_OK()
    {
        _bench.Negotiate(FeatureBit.Version1);
        _bench.Registers.Write32(0x20, 0xFFFFFFFF);

        Assert.That(_bench.Device.DriverFeatures, Is.EqualTo(FeatureBit.Version1));
        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.FeatureAfterFeaturesOk }));
    }

    [Test]
    public void DRIVER_OK_needs_FEATURES_OK()
    {
        _bench.WriteStatus(1);
        _bench.WriteStatus(3);
        _bench.WriteStatus(7);

        Assert.That(_bench.Status, Is.EqualTo(3));
        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.InitialisationOrder }));
    }

    [Test]
    public void A_cleared_bit_is_found_and_stays_set()
    {
        _bench.WriteStatus(3);
        _bench.WriteStatus(1);

        Assert.That(_bench.Status, Is.EqualTo(3));
        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.StatusBitCleared }));
    }

    [Test]
    public void A_reset_forgets_everything()
    {
        _bench.Start(FeatureBit.RingPacked);
        _bench.Device.SetNeedsReset("test");
        _bench.WriteStatus(0);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_bench.Status, Is.Zero);
            Assert.That(_bench.Device.DriverFeatures, Is.Zero);
            Assert.That(_bench.Device.Queues[0].IsEnabled, Is.False);
            Assert.That(_bench.Device.Queues[0].Ring, Is.Null);
            Assert.That(_bench.Device.Queues[0].Size, Is.EqualTo(256));
            Assert.That(_bench.Device.Trouble, Is.Empty);
            Assert.That(_bench.Registers.Read32(0x60), Is.Zero, "InterruptStatus");
            Assert.That(_bench.Output.IsLineAsserted, Is.False);
        }
    }

    [Test]
    public void A_slow_reset_shows_the_old_status_but_stops_the_device_at_once()
    {
        HandRing ring = _bench.Start(0)[0];
        ring.Add(new Piece(Buffer, 4));
        _bench.Notify(0);
        _bench.Device.ResetDelay = 2;
        _bench.WriteStatus(0);
        _bench.Device.Run();

        Assert.That(ring.TakeUsed(), Is.Null);
        Assert.That(new[] { _bench.Status, _bench.Status, _bench.Status }, Is.EqualTo(new[] { 0xFu, 0xFu, 0u }));
    }

    [Test]
    public void A_driver_that_does_not_wait_for_a_slow_reset_is_found()
    {
        _bench.Start(0);
        _bench.Device.ResetDelay = 1;
        _bench.WriteStatus(0);
        _bench.WriteStatus(1);

        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.InitialisationOrder }));
        Assert.That(_bench.Device.Status, Is.Zero);
    }

    [Test]
    public void NEEDS_RESET_stops_the_device_and_tells_the_driver()
    {
        HandRing ring = _bench.Start(0)[0];
        ring.Add(new Piece(Buffer, 4));
        _bench.Notify(0);
        _bench.Device.SetNeedsReset("test");
        _bench.Device.Run();

        Assert.That(ring.TakeUsed(), Is.Null);
        Assert.That(_bench.Status, Is.EqualTo(0x4F));
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(2));
    }

    [Test]
    public void NEEDS_RESET_before_DRIVER_OK_sends_nothing()
    {
        _bench.Negotiate(FeatureBit.Version1);
        _bench.Device.SetNeedsReset("test");

        Assert.That(_bench.Status, Is.EqualTo(0x4B));
        Assert.That(_bench.Output.LineChanges, Is.Empty);
    }

    [Test]
    public void A_malformed_chain_is_a_finding_and_needs_a_reset([Values] bool isPacked)
    {
        HandRing ring = _bench.Start(isPacked ? FeatureBit.RingPacked : 0)[0];
        ring.Add(new Piece(Buffer, 0));
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(Findings, Is.EqualTo(new[] { DriverRule.ChainForm }));
        Assert.That(_bench.Status, Is.EqualTo(0x4F));
        Assert.That(_bench.Device.Trouble, Does.Contain("ZeroLength"));
    }

    [Test]
    public void FAILED_stops_the_device()
    {
        HandRing ring = _bench.Start(0)[0];
        _bench.WriteStatus(0x8F);
        ring.Add(new Piece(Buffer, 4));
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(ring.TakeUsed(), Is.Null);
        Assert.That(_bench.Status, Is.EqualTo(0x8F));
    }
}
