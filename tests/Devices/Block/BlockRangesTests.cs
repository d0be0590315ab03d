using System;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Devices.Tests.Support;

namespace VirtioGuest.Devices.Tests.Block;

/// <summary>
/// Requests of a block device that are not transfers, and what becomes of writes in its cache, laid out by hand from
/// virtio 1.4, 5.2.6.
/// </summary>
[TestFixture(false)]
[TestFixture(true)]
internal sealed class BlockRangesTests(bool isPacked)
{
    private const uint Discard = 11;
    private const uint WriteZeroes = 13;
    private const uint SecureErase = 14;
    private const ulong Header = GuestRam.Base + 0x100000;
    private const ulong Data = GuestRam.Base + 0x110000;
    private const ulong Status = GuestRam.Base + 0x120000;
    private const uint CacheMode = 0x120;

    private MmioBench<BlockDevice> _bench = null!;
    private HandRing _ring = null!;

    [SetUp]
    public void Prepare()
    {
        _bench = new MmioBench<BlockDevice>(ram =>
        {
            BlockDevice device = new BlockDevice(ram.Regions, 16);
            device.OfferRanges(BlockFeature.Discard, 4, 2, 1);
            device.OfferRanges(BlockFeature.WriteZeroes, 4, 2);
            device.OfferRanges(BlockFeature.SecureErase, 4, 2, 1);
            device.OfferedFeatures |= BlockFeature.Lifetime | BlockFeature.ConfigWce;
            return device;
        });
        Start(BlockFeature.Discard | BlockFeature.WriteZeroes | BlockFeature.SecureErase | BlockFeature.Flush
            | BlockFeature.ConfigWce | BlockFeature.Lifetime);
        _bench.Device.Disk.Fill(0x11);
    }

    [TearDown]
    public void Free() => _bench.Dispose();

    [TestCase(Discard, BlockDevice.DiscardedByte)]
    [TestCase(WriteZeroes, (byte)0)]
    [TestCase(SecureErase, (byte)0)]
    public void Ranges_are_carried_out_one_after_the_other(uint type, byte expected)
    {
        PutRange(0, 1, 2, 0);
        PutRange(1, 15, 1, 0);
        Assert.That(SendRanges(type, 32), Is.Zero);
        for (int sector = 0; sector < 16; sector++)
        {
            Assert.That(
                _bench.Device.Disk.Slice(sector * 512, 512).ToArray(),
                Is.All.EqualTo(sector is 1 or 2 or 15 ? expected : (byte)0x11),
                $"sector {sector}");
        }

        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [TestCase(Discard, 1u, 2)]
    [TestCase(WriteZeroes, 1u, 0)]
    [TestCase(SecureErase, 2u, 2)]
    [TestCase(WriteZeroes, 3u, 2)]
    [TestCase(Discard, 0x80000000u, 2)]
    public void Flags_that_are_not_known_are_unsupported_as_is_unmapping_by_a_discard(
        uint type, uint flags, int expected)
    {
        PutRange(0, 1, 2, flags);
        Assert.That(SendRanges(type, 16), Is.EqualTo(expected));
        Assert.That(_bench.Device.Findings.Count, Is.EqualTo(expected == 0 ? 0 : 1));
        Assert.That(_bench.Device.Disk[512], Is.EqualTo(expected == 0 ? 0 : 0x11));
    }

    [TestCase(0u)]
    [TestCase(15u)]
    [TestCase(17u)]
    [TestCase(48u)]
    public void Ranges_of_another_length_or_number_fail_and_are_the_drivers_fault(uint length)
    {
        PutRange(0, 1, 1, 0);
        PutRange(1, 2, 1, 0);
        PutRange(2, 3, 1, 0);
        Assert.That(SendRanges(Discard, length), Is.EqualTo(1));
        Assert.That(_bench.Device.Findings.Single().Rule, Is.EqualTo(DriverRule.RequestForm));
        Assert.That(_bench.Device.Disk.ToArray(), Is.All.EqualTo(0x11));
    }

    [TestCase(0UL, 5u)]
    [TestCase(15UL, 2u)]
    [TestCase(ulong.MaxValue, 1u)]
    public void A_range_that_is_too_long_or_not_on_the_disk_fails(ulong sector, uint count)
    {
        PutRange(0, sector, count, 0);
        Assert.That(SendRanges(WriteZeroes, 16), Is.EqualTo(1));
        Assert.That(_bench.Device.Disk.ToArray(), Is.All.EqualTo(0x11));
    }

    [TestCase(Discard)]
    [TestCase(WriteZeroes)]
    [TestCase(SecureErase)]
    public void A_read_only_disk_keeps_its_ranges(uint type)
    {
        _bench.Device.OfferedFeatures |= BlockFeature.ReadOnly;
        PutRange(0, 1, 1, 0);
        Assert.That(SendRanges(type, 16), Is.EqualTo(1));
        Assert.That(_bench.Device.Disk.ToArray(), Is.All.EqualTo(0x11));
    }

    [Test]
    public void What_was_not_negotiated_is_unsupported()
    {
        Start(0);
        PutRange(0, 1, 1, 0);
        foreach (uint type in new[] { Discard, WriteZeroes, SecureErase })
        {
            Assert.That(SendRanges(type, 16), Is.EqualTo(2));
        }

        PutHeader(10);
        Send(new Piece(Header, 16), new Piece(Data, 6, true), new Piece(Status, 1, true));
        Assert.That(StatusByte, Is.EqualTo(2));
    }

    [Test]
    public void The_lifetime_has_three_fields()
    {
        _bench.Device.Lifetime = (3, 11, 2);
        PutHeader(10);
        Send(new Piece(Header, 16), new Piece(Data, 6, true), new Piece(Status, 1, true));
        Assert.That(StatusByte, Is.Zero);
        Assert.That(_bench.Ram.At(Data, 6).ToArray(), Is.EqualTo(new byte[] { 3, 0, 11, 0, 2, 0 }));
    }

    [Test]
    public void A_flush_with_a_sector_and_a_name_of_another_length_are_the_drivers_fault()
    {
        PutHeader(4, 1);
        Send(new Piece(Header, 16), new Piece(Status, 1, true));
        PutHeader(8);
        Send(new Piece(Header, 16), new Piece(Data, 21, true), new Piece(Status, 1, true));
        Assert.That(_bench.Device.Findings.Select(finding => finding.Rule),
            Is.EqualTo(new[] { DriverRule.RequestForm, DriverRule.RequestForm }));
    }

    [Test]
    public void A_write_is_stable_once_a_flush_behind_it_is_done()
    {
        Write(3, 0xAB);
        Assert.That(_bench.Device.Stable[3 * 512], Is.Zero);
        PutHeader(4);
        Send(new Piece(Header, 16), new Piece(Status, 1, true));
        Assert.That(_bench.Device.Stable[3 * 512], Is.EqualTo(0xAB));

        Write(4, 0xCD);
        _bench.Device.LosePower();
        Assert.That((_bench.Device.Disk[3 * 512], _bench.Device.Disk[4 * 512]), Is.EqualTo((0xAB, 0x11)));
    }

    [Test]
    public void A_write_through_the_cache_is_stable_at_once()
    {
        Assert.That(_bench.Registers.Read8(CacheMode), Is.EqualTo(1));
        _bench.Registers.Write8(CacheMode, 0);
        Assert.That(_bench.Registers.Read8(CacheMode), Is.Zero);
        Write(3, 0xAB);
        Assert.That(_bench.Device.Stable[3 * 512], Is.EqualTo(0xAB));
        Assert.That(_bench.Device.Findings, Is.Empty);
    }

    [TestCase(0UL, true)]
    [TestCase(BlockFeature.Flush, false)]
    [TestCase(BlockFeature.ConfigWce, true)]
    public void Whether_a_write_is_stable_at_once_follows_from_what_was_negotiated(ulong features, bool isStable)
    {
        Start(features);
        Write(3, 0xAB);
        Assert.That(_bench.Device.Stable[3 * 512], Is.EqualTo(isStable ? 0xAB : 0));
    }

    [Test]
    public void The_cache_mode_is_written_with_0_or_1_where_negotiated_and_comes_back_with_a_reset()
    {
        _bench.Registers.Write8(CacheMode, 2);
        _bench.Registers.Write8(CacheMode + 1, 0);
        Assert.That(_bench.Device.Findings.Count, Is.EqualTo(2));
        _bench.Registers.Write8(CacheMode, 0);
        Start(BlockFeature.Flush);
        Assert.That(_bench.Registers.Read8(CacheMode), Is.EqualTo(1));
        _bench.Registers.Write8(CacheMode, 0);
        Assert.That(_bench.Registers.Read8(CacheMode), Is.EqualTo(1));
        Assert.That(_bench.Device.Findings.Count, Is.EqualTo(3));
    }

    [Test]
    public void A_host_managed_disk_does_not_work_with_a_driver_that_knows_no_zones([Values] bool isHostManaged)
    {
        _bench.Device.OfferZones(isHostManaged ? (byte)1 : (byte)2, 4);
        _bench.Registers.Write32(0x70, 0);
        _bench.Registers.Write32(0x70, 3);
        _bench.Registers.Write32(0x24, 1);
        _bench.Registers.Write32(0x20, 1);
        _bench.Registers.Write32(0x70, 11);
        Assert.That(_bench.Registers.Read32(0x70) & 8, Is.EqualTo(isHostManaged ? 0 : 8));
        Assert.That(_bench.Registers.Read8(0x100 + 92), Is.EqualTo(isHostManaged ? 1 : 2));
    }

    [Test]
    public void Parts_of_blocks_fail_where_the_device_is_like_that([Values] bool refuses)
    {
        _bench.Device.BlockSize = 1024;
        _bench.Device.RefusesParts = refuses;
        Write(3, 0xAB);
        Assert.That(StatusByte, Is.EqualTo(refuses ? 1 : 0));
    }

    private byte StatusByte => _bench.Ram.At(Status, 1)[0];

    private void Start(ulong features) =>
        _ring = _bench.Start(features | (isPacked ? FeatureBit.RingPacked : 0))[0];

    private void PutHeader(uint type, ulong sector = 0)
    {
        _bench.Ram.Put32(Header, type);
        _bench.Ram.Put32(Header + 4, 0);
        _bench.Ram.Put64(Header + 8, sector);
        _bench.Ram.At(Status, 1)[0] = 0xEE;
    }

    private void PutRange(int index, ulong sector, uint count, uint flags)
    {
        ulong place = Data + (16 * (ulong)index);
        _bench.Ram.Put64(place, sector);
        _bench.Ram.Put32(place + 8, count);
        _bench.Ram.Put32(place + 12, flags);
    }

    private int SendRanges(uint type, uint length)
    {
        PutHeader(type);
        Piece[] pieces = length == 0
            ? [new Piece(Header, 16), new Piece(Status, 1, true)]
            : [new Piece(Header, 16), new Piece(Data, length), new Piece(Status, 1, true)];
        Assert.That(Send(pieces), Is.EqualTo(1));
        return StatusByte;
    }

    private void Write(ulong sector, byte content)
    {
        _bench.Ram.At(Data, 512).Fill(content);
        PutHeader(1, sector);
        Send(new Piece(Header, 16), new Piece(Data, 512), new Piece(Status, 1, true));
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
}
