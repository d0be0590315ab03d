using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Net;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Net;

/// <summary>Frames of a network device, laid out by hand from virtio 1.4, 5.1.9.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class NetDeviceTests(bool isPacked)
{
    private const ulong Transmit = GuestRam.Base + 0x100000;
    private const ulong Receive = GuestRam.Base + 0x110000;

    private MmioBench<NetDevice> _bench = null!;
    private HandRing[] _rings = [];

    [SetUp]
    public void Prepare()
    {
        _bench = new MmioBench<NetDevice>(ram => new NetDevice(ram.Regions, [2, 0, 0, 1, 2, 3], 1400));
        _bench.Device.OfferedFeatures |= NetFeature.MergeableBuffers;
        Start(0);
    }

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void The_configuration_tells_address_link_and_MTU()
    {
        byte[] mac = [.. Enumerable.Range(0, 6).Select(i => _bench.Registers.Read8(0x100 + (uint)i))];

        Assert.That(mac, Is.EqualTo(new byte[] { 2, 0, 0, 1, 2, 3 }));
        Assert.That(_bench.Registers.Read16(0x106), Is.EqualTo(1));
        Assert.That(_bench.Registers.Read16(0x10A), Is.EqualTo(1400));
    }

    [Test]
    public void A_frame_is_sent_without_its_header_and_its_buffer_comes_back_unwritten()
    {
        PutFrame(60);
        int id = _rings[1].Add(new Piece(Transmit, 7), new Piece(Transmit + 7, 65));
        _bench.Notify(1);
        _bench.Device.Run();

        Assert.That(_bench.Device.SentFrames.Single(), Is.EqualTo(Frame(60)));
        Assert.That(_rings[1].TakeUsed(), Is.EqualTo(new UsedBuffer(id, 0)));
    }

    [Test]
    public void A_frame_waits_for_a_buffer_and_a_notification()
    {
        _bench.Device.Receive(Frame(60));
        _bench.Device.Run();
        Assert.That(_bench.Device.Waiting, Is.EqualTo(1));
        Assert.That(_rings[0].DeviceWantsNotifications, Is.True);

        int id = _rings[0].Add(new Piece(Receive, 1526, true));
        _bench.Device.Run();
        Assert.That(_rings[0].TakeUsed(), Is.Null, "nobody told the device");
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(_rings[0].TakeUsed(), Is.EqualTo(new UsedBuffer(id, 72)));
        byte[] header = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
        Assert.That(_bench.Ram.At(Receive, 12).ToArray(), Is.EqualTo(header));
        Assert.That(_bench.Ram.At(Receive + 12, 60).ToArray(), Is.EqualTo(Frame(60)));
    }

    [Test]
    public void Buffers_that_wait_for_frames_keep_the_device_idle()
    {
        _rings[0].Add(new Piece(Receive, 1526, true));
        _bench.Notify(0);

        Assert.That(_bench.Device.Run(100), Is.Zero);
        _bench.Device.Receive(Frame(60));
        _bench.Device.Run();
        Assert.That(_rings[0].TakeUsed(), Is.Not.Null);
    }

    [Test]
    public void A_loopback_sends_everything_back()
    {
        _bench.Device.Peer = new LoopbackPeer();
        PutFrame(64);
        _rings[0].Add(new Piece(Receive, 1526, true));
        _rings[1].Add(new Piece(Transmit, 76));
        _bench.Notify(1);
        _bench.Device.Run();

        Assert.That(_rings[0].TakeUsed()!.Value.Length, Is.EqualTo(76));
        Assert.That(_bench.Ram.At(Receive + 12, 64).ToArray(), Is.EqualTo(Frame(64)));
    }

    [Test]
    public void A_frame_that_does_not_fit_is_dropped_and_its_buffer_kept()
    {
        int id = _rings[0].Add(new Piece(Receive, 40, true));
        _bench.Notify(0);
        _bench.Device.Receive(Frame(60));
        _bench.Device.Receive(Frame(20));
        _bench.Device.Run();

        Assert.That(_bench.Device.Dropped, Is.EqualTo(1));
        Assert.That(_rings[0].TakeUsed(), Is.EqualTo(new UsedBuffer(id, 32)));
    }

    [Test]
    public void Mergeable_buffers_share_a_frame_and_become_visible_together()
    {
        Start(NetFeature.MergeableBuffers);
        int[] ids = [_rings[0].Add(new Piece(Receive, 40, true)), _rings[0].Add(new Piece(Receive + 64, 40, true))];
        _bench.Notify(0);
        _bench.Device.Receive(Frame(100));
        _bench.Device.Run();
        Assert.That(_rings[0].TakeUsed(), Is.Null, "112 bytes do not fit into 80");

        int last = _rings[0].Add(new Piece(Receive + 128, 40, true));
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(_rings[0].TakeAllUsed(), Is.EqualTo(new[]
        {
            new UsedBuffer(ids[0], 40), new UsedBuffer(ids[1], 40), new UsedBuffer(last, 32),
        }));
        Assert.That(_bench.Ram.Get16(Receive + 10), Is.EqualTo(3), "num_buffers");
        byte[] frame =
        [
            .. _bench.Ram.At(Receive + 12, 28), .. _bench.Ram.At(Receive + 64, 40), .. _bench.Ram.At(Receive + 128, 32),
        ];
        Assert.That(frame, Is.EqualTo(Frame(100)));
    }

    [Test]
    public void Buffers_gathered_for_a_frame_go_back_when_the_device_is_suspended()
    {
        _bench.Device.OfferedFeatures |= FeatureBit.Suspend;
        Start(NetFeature.MergeableBuffers | FeatureBit.Suspend);
        int first = _rings[0].Add(new Piece(Receive, 40, true));
        _bench.Notify(0);
        _bench.Device.Receive(Frame(60));
        _bench.Device.Run();
        _bench.WriteStatus(0x1F);
        Assert.That(_bench.Device.Queues[0].Ring!.InFlight, Is.Zero);

        _bench.WriteStatus(0x1F);
        int second = _rings[0].Add(new Piece(Receive + 64, 40, true));
        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(_rings[0].TakeAllUsed(),
            Is.EqualTo(new[] { new UsedBuffer(first, 40), new UsedBuffer(second, 32) }));
    }

    [Test]
    public void A_change_of_the_link_is_told()
    {
        _bench.Device.IsLinkUp = false;

        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(2));
        Assert.That(_bench.Registers.Read16(0x106), Is.Zero);
    }

    [Test]
    public void A_header_that_asks_for_an_offload_is_found()
    {
        PutFrame(60);
        _bench.Ram.At(Transmit, 1)[0] = 1;
        _rings[1].Add(new Piece(Transmit, 72));
        _bench.Notify(1);
        _bench.Device.Run();

        Assert.That(_bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.RequestForm));
        Assert.That(_bench.Device.SentFrames, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_header_to_send_has_no_number_of_buffers()
    {
        PutFrame(60);
        _bench.Ram.At(Transmit + 10, 1)[0] = 1;
        _rings[1].Add(new Piece(Transmit, 72));
        _bench.Notify(1);
        _bench.Device.Run();

        Assert.That(_bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.RequestForm));
    }

    [TestCase(1526u, 0u, 0)]
    [TestCase(1525u, 0u, 1)]
    [TestCase(1526u, 12u, 1)]
    public void The_usual_buffers_are_one_element_and_large_enough(uint first, uint second, int findings)
    {
        _bench.Device.ExpectsUsualLayout = true;
        Piece[] pieces = [new Piece(Receive, first, true), new Piece(Receive + 0x1000, second, true)];
        _rings[0].Add([.. pieces.Where(piece => piece.Length != 0)]);
        _bench.Notify(0);
        _bench.Device.Receive(Frame(60));
        _bench.Device.Run();
        Assert.That(_bench.Device.Findings, Has.Count.EqualTo(findings));

        PutFrame(60);
        _rings[1].Add(new Piece(Transmit, 12), new Piece(Transmit + 12, 60));
        _bench.Notify(1);
        _bench.Device.Run();
        Assert.That(_bench.Device.Findings, Has.Count.EqualTo(findings + 1));
        Assert.That(_bench.Device.Findings[^1].Rule, Is.EqualTo(DriverRule.RequestForm));
    }

    [Test]
    public void A_frame_without_a_buffer_waits_or_is_dropped([Values] bool isDropped)
    {
        _bench.Device.DropsWithoutBuffer = isDropped;
        _bench.Device.Receive(Frame(60));
        _bench.Device.Receive(Frame(61));
        _bench.Device.Run();
        Assert.That((_bench.Device.Waiting, _bench.Device.Dropped), Is.EqualTo(isDropped ? (0, 2) : (2, 0)));

        _rings[0].Add(new Piece(Receive, 1526, true));
        _bench.Notify(0);
        _bench.Device.Run();
        Assert.That(_rings[0].TakeUsed(), isDropped ? Is.Null : Is.Not.Null);
    }

    [TestCase(11u, 0u, 1)]
    [TestCase(72u, 4u, 1)]
    [TestCase(8u, 1500u, 0)]
    [TestCase(0u, 11u, 0)]
    public void A_buffer_of_the_wrong_form_needs_a_reset(uint readable, uint writable, int queue)
    {
        Piece[] pieces = [new Piece(Transmit, readable), new Piece(Receive, writable, true)];
        _rings[queue].Add([.. pieces.Where(piece => piece.Length != 0)]);
        _bench.Device.Receive(Frame(60));
        _bench.Notify(queue);
        _bench.Device.Run();

        Assert.That(_bench.Status & 0x40, Is.EqualTo(0x40));
        Assert.That(_bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.RequestForm));
    }

    private static byte[] Frame(int length) => [.. Enumerable.Range(1, length).Select(i => (byte)i)];

    private void Start(ulong features) => _rings = _bench.Start(features | (isPacked ? FeatureBit.RingPacked : 0));

    private void PutFrame(int length)
    {
        _bench.Ram.At(Transmit, 12).Clear();
        Frame(length).AsSpan().CopyTo(_bench.Ram.At(Transmit + 12, length));
    }
}
