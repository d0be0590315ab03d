using NUnit.Framework;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Entropy;

/// <summary>Buffers for an entropy device, laid out by hand (virtio 1.4, 5.4).</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class EntropyDeviceTests(bool isPacked)
{
    private const ulong Data = GuestRam.Base + 0x100000;

    private MmioBench<EntropyDevice> _bench = null!;
    private HandRing _ring = null!;

    [SetUp]
    public void Prepare()
    {
        _bench = new MmioBench<EntropyDevice>(ram => new EntropyDevice(ram.Regions, seed: 7));
        _ring = _bench.Start(isPacked ? FeatureBit.RingPacked : 0)[0];
    }

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void It_has_one_queue_and_nothing_else_of_its_own()
    {
        Assert.That(_bench.Registers.Read32(0x08), Is.EqualTo(4));
        Assert.That(_bench.Device.Queues.Length, Is.EqualTo(1));
        Assert.That(_bench.Registers.Length, Is.EqualTo(0x100), "no configuration");
        Assert.That(_bench.Device.OfferedFeatures & 0xFF_FFFF, Is.Zero);
    }

    [Test]
    public void A_buffer_is_filled_over_all_of_its_elements()
    {
        Assert.That(Ask(new Piece(Data, 3, true), new Piece(Data + 16, 5, true)), Is.EqualTo(8));
        byte[] expected = EntropyDevice.First(8, seed: 7);
        Assert.That(_bench.Ram.At(Data, 3).ToArray(), Is.EqualTo(expected[..3]));
        Assert.That(_bench.Ram.At(Data + 16, 5).ToArray(), Is.EqualTo(expected[3..]));
        Assert.That(_bench.Device.Given, Is.EqualTo(8));
        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [Test]
    public void Each_buffer_gets_other_bytes()
    {
        Ask(new Piece(Data, 8, true));
        Ask(new Piece(Data + 8, 8, true));
        Assert.That(_bench.Ram.At(Data, 16).ToArray(), Is.EqualTo(EntropyDevice.First(16, seed: 7)));
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(5)]
    public void An_answer_may_be_short(int largest)
    {
        _bench.Device.LargestAnswer = largest;
        Assert.That(Ask(new Piece(Data, 8, true)), Is.EqualTo(largest));
        Assert.That(_bench.Ram.At(Data + (ulong)largest, 8 - largest).ToArray(), Is.All.Zero);
    }

    [Test]
    public void A_faulty_length_hides_what_was_written()
    {
        _bench.Device.Queues[0].ForcedLength = 99;
        Assert.That(Ask(new Piece(Data, 8, true)), Is.EqualTo(99));
        Assert.That(_bench.Device.Given, Is.EqualTo(8));
    }

    [Test]
    public void An_answer_may_be_late()
    {
        HeldBackCompletion held = new();
        _bench.Device.Queues[0].Policy = held;
        _ring.Add(new Piece(Data, 8, true));
        _bench.Notify(0);
        _bench.Device.Run();
        Assert.That(_ring.TakeUsed(), Is.Null);
        held.Release(1);
        _bench.Device.Run();
        Assert.That(_ring.TakeUsed()?.Length, Is.EqualTo(8));
    }

    [Test]
    public void A_readable_buffer_is_a_breach_of_the_rules()
    {
        Assert.That(Ask(new Piece(Data, 8), new Piece(Data + 8, 8, true)), Is.EqualTo(8));
        Assert.That(_bench.Device.Findings, Has.Count.EqualTo(1));
        Assert.That(_bench.Device.Findings[0].Rule, Is.EqualTo(DriverRule.RequestForm));
    }

    [Test]
    public void A_notification_may_bring_the_answer_at_once()
    {
        _bench.Device.RunsWhenNotified = true;
        _ring.Add(new Piece(Data, 8, true));
        _bench.Notify(0);
        Assert.That(_ring.TakeUsed()?.Length, Is.EqualTo(8));
    }

    private uint Ask(params Piece[] pieces)
    {
        _ring.Add(pieces);
        _bench.Notify(0);
        _bench.Device.Run();
        return _ring.TakeUsed()!.Value.Length;
    }
}
