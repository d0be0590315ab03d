using System.Collections.Generic;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport;

/// <summary>What is accepted of what is offered (virtio 1.4, 2.2, 5.1.3.1 and 6).</summary>
public class FeatureNegotiationTests
{
    private const Features Flush = (Features)0x200;
    private const Features Every = (Features)ulong.MaxValue;

    [Test]
    public void Packed_is_taken_where_both_sides_have_it_and_split_otherwise()
    {
        Features both = Features.Version1 | Features.RingPacked;
        Assert.That(Accept(DeviceTypes.Block, both, Features.RingPacked), Is.EqualTo(both));
        Assert.That(Accept(DeviceTypes.Block, both, Features.None), Is.EqualTo(Features.Version1));
        Assert.That(
            Accept(DeviceTypes.Block, Features.Version1, Features.RingPacked),
            Is.EqualTo(Features.Version1));
    }

    [TestCase(Features.RingPacked, Features.None, "offers the legacy interface only (no VERSION_1)")]
    [TestCase(Features.Version1, Features.RingPacked, "offers no packed ring")]
    [TestCase(Features.Version1, Features.InOrder | Flush, "does not offer the features FLUSH IN_ORDER")]
    [TestCase(Features.None, Flush, "offers the legacy interface only (no VERSION_1)")]
    public void What_is_required_and_not_offered_is_named(Features offered, Features required, string reason)
    {
        using Bench bench = new Bench(DeviceTypes.Block, offered);
        Assert.That(
            FeatureNegotiation.Accept(bench.Transport, bench.Type, offered, Every, required, out Features accepted)
                ?.ToString(),
            Is.EqualTo(reason));
        Assert.That(accepted, Is.EqualTo(Features.None));
        Assert.That(bench.Writes, Has.None.StartsWith("driver_feature").And.None.EqualTo("status=8"));
    }

    [Test]
    public void A_refusal_of_the_device_names_what_was_wanted()
    {
        using Bench bench = new Bench(DeviceTypes.Block, Features.Version1 | Flush);
        bench.Model.RefusesFeatures = true;
        Assert.That(
            FeatureNegotiation.Accept(
                bench.Transport, bench.Type, Features.Version1 | Flush, Flush, Features.None, out Features accepted)
                ?.ToString(),
            Is.EqualTo("did not accept the features FLUSH VERSION_1"));
        Assert.That(accepted, Is.EqualTo(Features.None));
        Assert.That(bench.Transport.Features, Is.EqualTo(Features.None));
    }

    [Test]
    public void A_bit_whose_need_is_missing_is_not_accepted()
    {
        // Every bit of the network device with the sets of which each needs one bit, from the text of 5.1.3.1.
        var needs = new Dictionary<int, int[][]>
        {
            [7] = [[1]],
            [8] = [[1]],
            [9] = [[7, 8]],
            [10] = [[1]],
            [54] = [[1]],
            [55] = [[1]],
            [11] = [[0]],
            [12] = [[0]],
            [13] = [[11, 12]],
            [14] = [[0]],
            [56] = [[0]],
            [18] = [[17]],
            [19] = [[17]],
            [21] = [[17]],
            [22] = [[17]],
            [23] = [[17]],
            [53] = [[17]],
            [61] = [[11, 12]],
            [60] = [[17]],
            [52] = [[17]],
            [51] = [[17], [57, 60]],
        };
        ulong[] interesting = [.. needs.Keys.Concat([0, 1, 17, 57]).Select(bit => 1UL << bit)];
        Prop.ForAll(Gen.SubListOf(interesting).ToArbitrary(), chosen =>
        {
            ulong offered = chosen.Aggregate((ulong)Features.Version1, (all, bit) => all | bit);
            ulong expected = offered;
            bool changed = true;
            while (changed)
            {
                ulong before = expected;
                foreach ((int bit, int[][] sets) in needs)
                {
                    ulong now = expected;
                    bool isMet = sets.All(set => set.Any(need => (now & (1UL << need)) != 0));
                    expected = isMet ? expected : expected & ~(1UL << bit);
                }

                changed = before != expected;
            }

            Assert.That(Accept(DeviceTypes.Network, (Features)offered, Every), Is.EqualTo((Features)expected));
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    [Test]
    public void Bits_of_one_device_type_mean_nothing_to_another()
    {
        Features offered = Features.Version1 | (Features)(1UL << 12);
        Assert.That(Accept(DeviceTypes.Block, offered, Every), Is.EqualTo(offered));
        Assert.That(Accept(DeviceTypes.Network, offered, Every), Is.EqualTo(Features.Version1));
    }

    [Test]
    public void Every_bit_of_the_specification_has_its_name()
    {
        Assert.That(Names(DeviceTypes.None, 24, 43), Is.EqualTo(
            "NOTIFY_ON_EMPTY|bit 25|bit 26|ANY_LAYOUT|INDIRECT_DESC|EVENT_IDX|UNUSED|bit 31|VERSION_1|ACCESS_PLATFORM|"
            + "RING_PACKED|IN_ORDER|ORDER_PLATFORM|SR_IOV|NOTIFICATION_DATA|NOTIF_CONFIG_DATA|RING_RESET|ADMIN_VQ|"
            + "bit 42|SUSPEND"));
        Assert.That(Names(DeviceTypes.Network, 0, 23), Is.EqualTo(
            "CSUM|GUEST_CSUM|CTRL_GUEST_OFFLOADS|MTU|bit 4|MAC|GSO|GUEST_TSO4|GUEST_TSO6|GUEST_ECN|GUEST_UFO|HOST_TSO4|"
            + "HOST_TSO6|HOST_ECN|HOST_UFO|MRG_RXBUF|STATUS|CTRL_VQ|CTRL_RX|CTRL_VLAN|CTRL_RX_EXTRA|GUEST_ANNOUNCE|MQ|"
            + "CTRL_MAC_ADDR"));
        Assert.That(Names(DeviceTypes.Network, 50, 71), Is.EqualTo(
            "DEVICE_STATS|HASH_TUNNEL|VQ_NOTF_COAL|NOTF_COAL|GUEST_USO4|GUEST_USO6|HOST_USO|HASH_REPORT|bit 58|"
            + "GUEST_HDRLEN|RSS|RSC_EXT|STANDBY|SPEED_DUPLEX|RSS_CONTEXT|GUEST_UDP_TUNNEL_GSO|"
            + "GUEST_UDP_TUNNEL_GSO_CSUM|HOST_UDP_TUNNEL_GSO|HOST_UDP_TUNNEL_GSO_CSUM|OUT_NET_HEADER|IPSEC|bit 71"));
        Assert.That(Names(DeviceTypes.Block, 0, 18), Is.EqualTo(
            "BARRIER|SIZE_MAX|SEG_MAX|bit 3|GEOMETRY|RO|BLK_SIZE|SCSI|bit 8|FLUSH|TOPOLOGY|CONFIG_WCE|MQ|DISCARD|"
            + "WRITE_ZEROES|LIFETIME|SECURE_ERASE|ZONED|bit 18"));
    }

    [TestCase(1, "virtio-net")]
    [TestCase(2, "virtio-blk")]
    [TestCase(3, "virtio-console")]
    [TestCase(4, "virtio-rng")]
    [TestCase(5, "virtio-balloon")]
    [TestCase(8, "virtio-scsi")]
    [TestCase(9, "virtio-9p")]
    [TestCase(13, "virtio-balloon")]
    [TestCase(16, "virtio-gpu")]
    [TestCase(17, "virtio-rtc")]
    [TestCase(18, "virtio-input")]
    [TestCase(19, "virtio-vsock")]
    [TestCase(20, "virtio-crypto")]
    [TestCase(23, "virtio-iommu")]
    [TestCase(24, "virtio-mem")]
    [TestCase(25, "virtio-sound")]
    [TestCase(26, "virtio-fs")]
    [TestCase(27, "virtio-pmem")]
    [TestCase(99, "virtio device type 99")]
    public void A_device_type_is_called_what_people_call_it(int type, string name)
    {
        Assert.That(DeviceTypes.NameOf((ushort)type), Is.EqualTo(name));
        Assert.That(DriverRegistry.Find((ushort)type)?.Name ?? name, Is.EqualTo(name));
    }

    private static string Names(ushort type, int first, int last) =>
        string.Join('|', Enumerable.Range(first, last - first + 1).Select(TypeOf(type).NameOf));

    private static DeviceType TypeOf(ushort type) => DriverRegistry.Find(type) ?? (DeviceType)new NamelessType();

    private static Features Accept(ushort type, Features offered, Features implemented)
    {
        using Bench bench = new Bench(type, offered);
        Assert.That(
            FeatureNegotiation.Accept(
                bench.Transport, bench.Type, offered, implemented, Features.None, out Features accepted),
            Is.Null);
        Assert.That(bench.Model.DriverFeatures, Is.EqualTo((ulong)accepted));
        return accepted;
    }

    private sealed class Bench : System.IDisposable
    {
        private readonly ModelBench<BareDevice> _bench;

        public Bench(ushort type, Features offered)
        {
            _bench = new ModelBench<BareDevice>(
                memory => new BareDevice(memory.GuestMemory, type) { OfferedFeatures = (ulong)offered }, isMmio: true);
            Transport = _bench.OpenTransport();

            // Negotiation is a part of the initialisation, which is not looked at here.
            _bench.ExpectsViolations = true;
        }

        public BareDevice Model => _bench.Model;

        public List<string> Writes => _bench.Writes;

        public DeviceType Type => TypeOf(Transport.DeviceType);

        public VirtioTransport Transport { get; }

        public void Dispose() => _bench.Dispose();
    }

    private sealed class NamelessType() : DeviceType(DeviceTypes.None);
}
