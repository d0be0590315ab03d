using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Block;

/// <summary>Requests of a block device, laid out by hand from virtio 1.4, 5.2.6.</summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class BlockDeviceTests(bool isPacked)
{
    private const ulong Header = GuestRam.Base + 0x100000;
    private const ulong Data = GuestRam.Base + 0x110000;
    private const ulong Status = GuestRam.Base + 0x120000;

    private MmioBench<BlockDevice> _bench = null!;
    private HandRing _ring = null!;

    [SetUp]
    public void Prepare() => Create(ram => new BlockDevice(ram.Regions, 16));

    [TearDown]
    public void Free() => _bench.Dispose();

    [Test]
    public void The_configuration_tells_the_capacity()
    {
        Assert.That(_bench.Registers.Read32(0x100), Is.EqualTo(16));
        Assert.That(_bench.Registers.Read32(0x104), Is.Zero);
        Assert.That(_bench.Registers.Read32(0x114), Is.EqualTo(512), "blk_size");
    }

    [Test]
    public void A_read_gives_the_sectors_and_the_status_behind_them()
    {
        Random random = new(4);
        random.NextBytes(_bench.Device.Disk);
        uint length = Read(3, 1024);

        Assert.That(length, Is.EqualTo(1025));
        Assert.That(StatusByte, Is.Zero);
        Assert.That(_bench.Ram.At(Data, 1024).ToArray(),
            Is.EqualTo(_bench.Device.Disk.Slice(3 * 512, 1024).ToArray()));
    }

    [Test]
    public void A_request_may_be_cut_into_elements_anywhere()
    {
        new Random(5).NextBytes(_bench.Device.Disk);
        PutHeader(0, 1);
        uint length = Send(
            new Piece(Header, 3),
            new Piece(Header + 3, 13),
            new Piece(Data, 100, true),
            new Piece(Data + 100, 413, true));

        Assert.That(length, Is.EqualTo(513));
        Assert.That(_bench.Ram.At(Data, 512).ToArray(), Is.EqualTo(_bench.Device.Disk.Slice(512, 512).ToArray()));
        Assert.That(_bench.Ram.At(Data + 512, 1)[0], Is.Zero, "the status, in the last byte");
    }

    [TestCase(0u, 16u, 512u, 1u, true, true)]
    [TestCase(1u, 16u, 512u, 1u, false, true)]
    [TestCase(8u, 16u, 20u, 1u, true, true)]
    [TestCase(4u, 16u, 0u, 1u, true, true)]
    [TestCase(0u, 15u, 512u, 1u, true, false, Description = "the header is in two elements")]
    [TestCase(0u, 17u, 512u, 1u, true, false, Description = "the header has more than its bytes")]
    [TestCase(0u, 16u, 511u, 2u, true, false, Description = "the status has data before it")]
    [TestCase(0u, 16u, 512u, 1u, false, false, Description = "data to read that only the driver reads")]
    [TestCase(1u, 16u, 512u, 1u, true, false, Description = "data to write that only the device writes")]
    [TestCase(4u, 16u, 512u, 1u, false, false, Description = "a flush with data")]
    public void The_usual_layout_is_a_header_data_and_a_status_each_by_itself(
        uint type, uint header, uint data, uint status, bool isWritable, bool isUsual)
    {
        PutHeader(type, 0);
        Piece[] pieces =
        [
            new Piece(Header, header), new Piece(Header + header, header < 16 ? 16 - header : 0),
            new Piece(Data, data, isWritable), new Piece(Status, status, true),
        ];
        pieces = [.. pieces.Where(piece => piece.Length != 0)];
        Send(pieces);
        Assert.That(_bench.Device.Findings, Is.Empty, "any layout is allowed");

        _bench.Device.ExpectsUsualLayout = true;
        Send(pieces);
        Assert.That(
            _bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(isUsual ? [] : new[] { DriverRule.RequestForm }));
    }

    [Test]
    public void A_write_changes_its_sectors_only()
    {
        _bench.Ram.At(Data, 512).Fill(0xAB);
        Assert.That(Write(15, 512), Is.EqualTo(1));

        Assert.That(StatusByte, Is.Zero);
        Assert.That(_bench.Device.Disk[(15 * 512)..].ToArray(), Is.All.EqualTo(0xAB));
        Assert.That(_bench.Device.Disk[..(15 * 512)].ToArray(), Is.All.Zero);
    }

    [TestCase(16UL, 512u)]
    [TestCase(15UL, 1024u)]
    [TestCase(ulong.MaxValue, 512u)]
    [TestCase(0UL, 500u)]
    public void What_is_not_on_the_disk_fails_and_a_failed_read_gives_zeros(ulong sector, uint length)
    {
        _bench.Device.Disk.Fill(1);
        _bench.Ram.At(Data, (int)length).Fill(0xFF);
        Assert.That(Read(sector, length), Is.EqualTo(length + 1));
        Assert.That(StatusByte, Is.EqualTo(1));
        Assert.That(_bench.Ram.At(Data, (int)length).ToArray(), Is.All.Zero);

        Write(sector, length);
        Assert.That(StatusByte, Is.EqualTo(1));
        Assert.That(_bench.Device.Disk.ToArray(), Is.All.EqualTo(1));
    }

    [Test]
    public void A_disk_of_size_0_has_no_sector()
    {
        _bench.Dispose();
        Create(ram => new BlockDevice(ram.Regions, 0));
        Assert.That(_bench.Registers.Read32(0x100), Is.Zero);

        Read(0, 512);
        Assert.That(StatusByte, Is.EqualTo(1));
    }

    [Test]
    public void A_read_only_disk_fails_writes()
    {
        _bench.Device.OfferedFeatures |= BlockFeature.ReadOnly;
        _bench.Ram.At(Data, 512).Fill(0xAB);
        Write(0, 512);

        Assert.That(StatusByte, Is.EqualTo(1));
        Assert.That(_bench.Device.Disk.ToArray(), Is.All.Zero);
    }

    [Test]
    public void A_flush_is_carried_out_where_negotiated([Values] bool isNegotiated)
    {
        Start(isNegotiated ? BlockFeature.Flush : 0);
        PutHeader(4, 0);
        uint length = Send(new Piece(Header, 16), new Piece(Status, 1, true));

        Assert.That(length, Is.EqualTo(1));
        Assert.That(StatusByte, Is.EqualTo(isNegotiated ? 0 : 2));
        Assert.That(_bench.Device.Flushes, Is.EqualTo(isNegotiated ? 1 : 0));
    }

    [Test]
    public void The_ID_has_20_bytes()
    {
        _bench.Device.Id = "disk";
        PutHeader(8, 0);
        Send(new Piece(Header, 16), new Piece(Data, 20, true), new Piece(Status, 1, true));

        Assert.That(StatusByte, Is.Zero);
        Assert.That(_bench.Ram.At(Data, 20).ToArray(), Is.EqualTo("disk"u8.ToArray().Concat(new byte[16])));
    }

    [TestCase(2u)]
    [TestCase(11u)]
    [TestCase(13u)]
    [TestCase(16u)]
    [TestCase(0xFFFFFFFFu)]
    public void Other_requests_are_unsupported(uint type)
    {
        PutHeader(type, 0);
        Send(new Piece(Header, 16), new Piece(Data, 16, true), new Piece(Status, 1, true));

        Assert.That(StatusByte, Is.EqualTo(2));
    }

    [Test]
    public void Requests_fail_as_they_are_told_to()
    {
        _bench.Device.Faults = new FailsSector(7);
        Read(6, 512);
        Assert.That(StatusByte, Is.Zero);
        Read(7, 512);
        Assert.That(StatusByte, Is.EqualTo(1));
    }

    [Test]
    public void A_request_without_header_or_place_for_its_status_needs_a_reset([Values] bool hasHeader)
    {
        if (hasHeader)
        {
            PutHeader(0, 0);
            _ring.Add(new Piece(Header, 16));
        }
        else
        {
            _ring.Add(new Piece(Header, 15), new Piece(Status, 1, true));
        }

        _bench.Notify(0);
        _bench.Device.Run();

        Assert.That(_bench.Status & 0x40, Is.EqualTo(0x40));
        Assert.That(_bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.RequestForm));
    }

    [Test]
    public void A_resized_disk_tells_the_driver()
    {
        _bench.Device.Resize(32);
        Assert.That(_bench.Registers.Read32(0x60), Is.EqualTo(2));
        Assert.That(_bench.Registers.Read32(0x100), Is.EqualTo(32));

        Read(31, 512);
        Assert.That(StatusByte, Is.Zero);
    }

    [Test]
    public void More_queues_are_offered_as_MQ()
    {
        _bench.Dispose();
        Create(ram => new BlockDevice(ram.Regions, 16, 4));

        Assert.That(_bench.ReadFeatures() & BlockFeature.MultiQueue, Is.Not.Zero);
        Assert.That(_bench.Registers.Read16(0x122), Is.EqualTo(4));
        PutHeader(0, 0);
        int id = _rings[3].Add(new Piece(Header, 16), new Piece(Data, 513, true));
        _bench.Notify(3);
        _bench.Device.Run();
        Assert.That(_rings[3].TakeUsed(), Is.EqualTo(new UsedBuffer(id, 513)));
    }

    private HandRing[] _rings = [];

    private byte StatusByte => _bench.Ram.At(Status, 1)[0];

    private void Create(Func<GuestRam, BlockDevice> create)
    {
        _bench = new MmioBench<BlockDevice>(create);
        Start(0);
    }

    private void Start(ulong features)
    {
        _rings = _bench.Start(features | (isPacked ? FeatureBit.RingPacked : 0));
        _ring = _rings[0];
    }

    private void PutHeader(uint type, ulong sector)
    {
        _bench.Ram.Put32(Header, type);
        _bench.Ram.Put32(Header + 4, 0);
        _bench.Ram.Put64(Header + 8, sector);
        _bench.Ram.At(Status, 1)[0] = 0xEE;
    }

    private uint Read(ulong sector, uint length)
    {
        PutHeader(0, sector);
        return Send(new Piece(Header, 16), new Piece(Data, length, true), new Piece(Status, 1, true));
    }

    private uint Write(ulong sector, uint length)
    {
        PutHeader(1, sector);
        return Send(new Piece(Header, 16), new Piece(Data, length), new Piece(Status, 1, true));
    }

    private uint Send(params Piece[] pieces)
    {
        int id = _ring.Add(pieces);
        _bench.Notify(0);
        _bench.Device.Run();
        UsedBuffer used = _ring.TakeUsed()!.Value;
        Assert.That(used.Id, Is.EqualTo(id));
        return used.Length;
    }

    private sealed class FailsSector(ulong bad) : BlockFaults
    {
        public override BlockStatus? Fault(uint type, ulong sector, ulong length) =>
            sector == bad ? BlockStatus.IoError : null;
    }
}
