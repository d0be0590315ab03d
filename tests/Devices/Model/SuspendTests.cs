using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Model;

/// <summary>Suspending and resuming (virtio 1.4, 3.4).</summary>
internal sealed class SuspendTests
{
    private const ulong Buffer = GuestRam.Base + 0x100000;

    private MmioBench<EchoDevice> _bench = null!;
    private HandRing _ring = null!;

    [SetUp]
    public void Prepare()
    {
        _bench = new MmioBench<EchoDevice>(ram => new EchoDevice(ram.Regions));
        _bench.Device.OfferedFeatures |= FeatureBit.Suspend;
        _ring = _bench.Start(FeatureBit.Suspend | FeatureBit.RingPacked)[0];
    }

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void A_suspended_device_shows_SUSPEND_without_DRIVER_OK_and_resumes()
    {
        _bench.WriteStatus(0x1F);
        Assert.That(_bench.Status, Is.EqualTo(0x1B));

        _bench.WriteStatus(0x1F);
        Assert.That(_bench.Status, Is.EqualTo(0x0F));
        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void What_is_being_worked_on_is_used_and_told_before_the_device_is_suspended()
    {
        _bench.Device.Queues[0].Policy = new HeldBackCompletion();
        int id = _ring.Add(new Piece(Buffer, 4));
        _bench.Notify(0);
        _bench.Device.Run();
        Assert.That(_ring.TakeUsed(), Is.Null);

        _bench.WriteStatus(0x1F);

        Assert.That(_ring.TakeUsed(), Is.EqualTo(new UsedBuffer(id, 0)));
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(1));
    }

    [Test]
    public void Buffers_that_were_not_taken_wait_until_the_device_resumes()
    {
        int id = _ring.Add(new Piece(Buffer, 4));
        _bench.Notify(0);
        _bench.WriteStatus(0x1F);
        _bench.Device.Run();
        Assert.That(_ring.TakeUsed(), Is.Null);

        _bench.WriteStatus(0x1F);
        _bench.Device.Run();

        Assert.That(_ring.TakeUsed(), Is.EqualTo(new UsedBuffer(id, 0)));
    }

    [Test]
    public void A_slow_suspension_is_seen_after_some_looks()
    {
        _bench.Device.SuspendDelay = 2;
        _bench.WriteStatus(0x1F);

        Assert.That(new[] { _bench.Status, _bench.Status, _bench.Status }, Is.EqualTo(new[] { 0xFu, 0xFu, 0x1Bu }));
    }

    [Test]
    public void A_change_of_configuration_is_told_only_after_the_device_resumes()
    {
        _bench.WriteStatus(0x1F);
        _bench.Device.Change(3, 0x77);

        Assert.That(_bench.Registers.Read8(0x103), Is.Zero);
        Assert.That(_bench.Registers.Read32(0x60), Is.Zero);

        _bench.WriteStatus(0x1F);

        Assert.That(_bench.Registers.Read8(0x103), Is.EqualTo(0x77));
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(2));
    }

    [Test]
    public void Notifications_and_writes_to_the_configuration_are_ignored_and_found()
    {
        _bench.WriteStatus(0x1F);
        _bench.Notify(0);
        _bench.Registers.Write8(0x114, 9);

        Assert.That(_bench.Device.Written, Is.Zero);
        Assert.That(_bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(new[] { DriverRule.NotificationTime, DriverRule.ConfigurationWrite }));
    }

    [Test]
    public void A_failure_to_suspend_or_to_resume_needs_a_reset([Values] bool failsToResume)
    {
        _bench.Device.FailsToResume = failsToResume;
        _bench.Device.FailsToSuspend = !failsToResume;
        _bench.WriteStatus(0x1F);
        if (failsToResume)
        {
            _bench.WriteStatus(0x1F);
        }

        Assert.That(_bench.Status & 0x40, Is.EqualTo(0x40));
        Assert.That(_bench.Device.IsRunning, Is.False);
    }

    [Test]
    public void SUSPEND_without_negotiation_or_before_DRIVER_OK_is_ignored()
    {
        _bench.Start(0);
        _bench.WriteStatus(0x1F);
        Assert.That(_bench.Status, Is.EqualTo(0x0F));

        _bench.Negotiate(FeatureBit.Version1 | FeatureBit.Suspend);
        _bench.WriteStatus(0x1B);
        Assert.That(_bench.Status, Is.EqualTo(0x0B));
        Assert.That(_bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(new[] { DriverRule.SuspendTime, DriverRule.SuspendTime }));
    }
}
