using System;
using System.Buffers.Binary;
using System.Numerics;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>What a block device does with requests (virtio 1.4, 5.2).</summary>
internal static class BlockTests
{
    private const uint UnknownType = 0x7FFF_FFFE;
    private const uint UnknownFlag = 1u << 31;
    private const uint UnmapFlag = 1;
    private const uint RangeLength = 16;
    private const uint CapacityOffset = 0;
    private const uint SizeMaxOffset = 8;
    private const uint SegMaxOffset = 12;
    private const uint BlkSizeOffset = 20;
    private const uint WritebackOffset = 32;
    private const uint NumQueuesOffset = 34;

    public static DeviceTest[] All =>
    [
        Of("blk.config", "The fields of the configuration make sense", "5.2.4", Configuration),
        Of("blk.read", "The first and the last sector can be read", "5.2.6.2", ReadsEnds, isPerForm: true),
        Of("blk.beyond", "What lies behind the end is refused with an error", "5.2.6.2", Beyond),
        Of("blk.unknown", "A type of request that nobody knows is answered with UNSUPP", "5.2.6.2", Unknown),
        Of("blk.id", "The device tells its ID", "5.2.6", Identity),
        Of("blk.flush", "A flush succeeds", "5.2.6.2", Flushes, isPerForm: true),
        Of("blk.segments", "A request may have as many segments as SEG_MAX says", "5.2.4", Segments, isPerForm: true),
        Of("blk.write-protected", "A write to a read-only device is answered with IOERR", "5.2.6.2", Protected),
        Of("blk.queues", "Each queue answers", "5.2.5", EachQueue),
        Of("blk.writeback", "The cache mode is what was written", "5.2.5.2", CacheMode),
        Of("blk.discard-flags", "A discard with a flag is answered with UNSUPP", "5.2.6.2", DiscardFlags),
        Of("blk.zero-flags", "A write of zeroes with an unknown flag is answered with UNSUPP", "5.2.6.2", ZeroFlags),
        Of("blk.write", "What was written is read", "5.2.6.2", WritesAndReads, isPerForm: true, isDestructive: true),
        Of("blk.zero", "After a write of zeroes zeroes are read", "5.2.6.2", WritesZeroes, isDestructive: true),
        Of("blk.discard", "A discard succeeds", "5.2.6.2", Discards, isDestructive: true),
    ];

    private static DeviceTest Of(
        string id,
        string title,
        string clause,
        Action<DeviceBench> body,
        bool isPerForm = false,
        bool isDestructive = false) =>
        new(id, title, clause, body)
        {
            DeviceType = DeviceTypes.Block,
            IsPerForm = isPerForm,
            IsDestructive = isDestructive,
        };

    private static BlockKind Kind => (BlockKind)DeviceKind.Of(DeviceTypes.Block)!;

    private static void Configuration(DeviceBench bench)
    {
        VirtioTransport transport = bench.Transport;
        if (bench.Offers(BlockBits.SegMax))
        {
            uint segments = transport.ReadConfiguration32(SegMaxOffset);
            DeviceBench.Require(segments != 0, "has a seg_max of 0");
        }

        if (bench.Offers(BlockBits.SizeMax))
        {
            uint size = transport.ReadConfiguration32(SizeMaxOffset);
            DeviceBench.Require(size != 0, "has a size_max of 0");
        }

        if (bench.Offers(BlockBits.BlkSize))
        {
            uint size = transport.ReadConfiguration32(BlkSizeOffset);
            DeviceBench.Require(
                size >= BlockKind.SectorLength && BitOperations.IsPow2(size),
                "has blocks of " + DecimalText.Of(size) + " bytes");
        }

        if (bench.Offers(BlockBits.MultiQueue))
        {
            ushort queues = transport.ReadConfiguration16(NumQueuesOffset);
            DeviceBench.Require(
                queues != 0 && queues <= transport.QueueCount,
                "says that it has " + DecimalText.Of(queues) + " queues, and the transport has "
                    + DecimalText.Of((uint)transport.QueueCount));
        }

        if (bench.Offers(BlockBits.ConfigWce))
        {
            byte mode = transport.ReadConfiguration8(WritebackOffset);
            DeviceBench.Require(mode <= 1, "has the cache mode " + DecimalText.Of(mode));
        }
    }

    private static void ReadsEnds(DeviceBench bench)
    {
        ulong capacity = NeedSectors(bench);
        TestRing ring = bench.Start(Kind);
        uint sectors = SectorsPerBlock(bench);
        foreach (ulong sector in (ulong[])[0, (capacity / sectors * sectors) - sectors])
        {
            Expect(bench, ring, BlockRequest.Read, sector, sectors * BlockKind.SectorLength, BlockRequest.Ok);
        }
    }

    private static void Beyond(DeviceBench bench)
    {
        ulong capacity = bench.Transport.ReadConfiguration64(CapacityOffset);
        TestRing ring = bench.Start(Kind);
        foreach (ulong sector in (ulong[])[capacity, capacity + 8, ulong.MaxValue / 512, ulong.MaxValue])
        {
            byte status = Ask(bench, ring, BlockRequest.Read, sector, BlockKind.SectorLength);
            DeviceBench.Require(
                status == BlockRequest.IoError,
                "ends a read of sector " + DecimalText.Of(sector) + " of " + DecimalText.Of(capacity)
                    + " with status " + DecimalText.Of(status));
        }
    }

    private static void Unknown(DeviceBench bench)
    {
        TestRing ring = bench.Start(Kind);
        Expect(bench, ring, UnknownType, 0, BlockKind.SectorLength, BlockRequest.Unsupported);
        Kind.Exercise(bench, ring, 3);
    }

    private static void Identity(DeviceBench bench)
    {
        TestRing ring = bench.Start(Kind);
        byte status = Ask(bench, ring, BlockRequest.GetId, 0, BlockRequest.IdLength);
        DeviceBench.Require(
            status is BlockRequest.Ok or BlockRequest.Unsupported,
            "ends a request for its ID with status " + DecimalText.Of(status));
        Span<byte> rest = bench.Bytes(
            0, BlockKind.DataOffset + BlockRequest.IdLength, BlockKind.StatusOffset - BlockKind.DataOffset
                - BlockRequest.IdLength);
        DeviceBench.Require(!rest.ContainsAnyExcept(rest[0]), "writes behind the buffer that it was given");
    }

    private static void Flushes(DeviceBench bench)
    {
        bench.Need(BlockBits.Flush, "FLUSH");
        TestRing ring = bench.Start(Kind, BlockBits.Flush);
        for (int i = 0; i < 3; i++)
        {
            Expect(bench, ring, BlockRequest.Flush, 0, 0, BlockRequest.Ok);
        }
    }

    private static void Segments(DeviceBench bench)
    {
        bench.Need(BlockBits.SegMax, "SEG_MAX");
        NeedSectors(bench);
        uint most = bench.Transport.ReadConfiguration32(SegMaxOffset);
        TestRing ring = bench.Start(Kind, BlockBits.SegMax, maximumSize: Virtqueue.MaximumSize);
        uint sectors = SectorsPerBlock(bench);
        uint length = sectors * BlockKind.SectorLength;
        const uint Place = BlockKind.DataOffset;
        uint room = BlockKind.StatusOffset - Place;
        int parts = (int)Math.Min(Math.Min(most, (uint)ring.Size - 2), length);
        if (parts < 1 || length > room)
        {
            DeviceBench.Skip("has larger blocks than this test has memory for");
        }

        TestSegment[] whole = BlockRequest.Prepare(bench, 0, BlockRequest.Read, 0, length);
        var chain = new TestSegment[parts + 2];
        chain[0] = whole[0];
        chain[^1] = whole[2];
        for (int i = 0; i < parts; i++)
        {
            bool isLast = i == parts - 1;
            chain[i + 1] = whole[1].Slice((uint)i, isLast ? length - (uint)i : 1);
        }

        byte status = Ask(bench, ring, chain);
        DeviceBench.Require(
            status == BlockRequest.Ok,
            "ends a read in " + DecimalText.Of((uint)parts) + " segments with status " + DecimalText.Of(status));
    }

    private static void Protected(DeviceBench bench)
    {
        bench.Need(BlockBits.ReadOnly, "RO");
        NeedSectors(bench);
        TestRing ring = bench.Start(Kind, BlockBits.ReadOnly);
        Expect(
            bench,
            ring,
            BlockRequest.Write,
            0,
            SectorsPerBlock(bench) * BlockKind.SectorLength,
            BlockRequest.IoError);
    }

    private static void EachQueue(DeviceBench bench)
    {
        bench.Need(BlockBits.MultiQueue, "MQ");
        int count = Math.Min(bench.Transport.ReadConfiguration16(NumQueuesOffset), (ushort)8);
        if (!bench.TryNegotiate(bench.Wanted(BlockBits.MultiQueue)))
        {
            DeviceBench.Fail("does not take MQ");
        }

        TestRing[] rings = bench.SetUpRings(count);
        bench.GoLive();
        foreach (TestRing ring in rings)
        {
            Kind.Exercise(bench, ring, 3);
        }
    }

    private static void CacheMode(DeviceBench bench)
    {
        bench.Need(BlockBits.ConfigWce, "CONFIG_WCE");
        if (!bench.TryNegotiate(bench.Wanted(BlockBits.ConfigWce | (bench.Offered & BlockBits.Flush))))
        {
            DeviceBench.Fail("does not take CONFIG_WCE");
        }

        byte before = bench.Transport.ReadConfiguration8(WritebackOffset);
        bench.GoLive();
        foreach (byte mode in (byte[])[0, 1, before])
        {
            bench.Transport.WriteConfiguration8(WritebackOffset, mode);
            byte now = bench.Transport.ReadConfiguration8(WritebackOffset);
            DeviceBench.Require(
                now == mode,
                "has the cache mode " + DecimalText.Of(now) + " after " + DecimalText.Of(mode) + " was written");
        }
    }

    private static void DiscardFlags(DeviceBench bench)
    {
        bench.Need(BlockBits.Discard, "DISCARD");
        NeedSectors(bench);
        TestRing ring = bench.Start(Kind, BlockBits.Discard);
        foreach (uint flags in (uint[])[UnmapFlag, UnknownFlag])
        {
            ExpectRange(bench, ring, BlockRequest.Discard, flags, BlockRequest.Unsupported);
        }
    }

    private static void ZeroFlags(DeviceBench bench)
    {
        bench.Need(BlockBits.WriteZeroes, "WRITE_ZEROES");
        NeedSectors(bench);
        TestRing ring = bench.Start(Kind, BlockBits.WriteZeroes);
        ExpectRange(bench, ring, BlockRequest.WriteZeroes, UnknownFlag, BlockRequest.Unsupported);
    }

    private static void WritesAndReads(DeviceBench bench)
    {
        (TestRing ring, uint length, ulong last) = StartForWriting(bench, Features.None);
        foreach (ulong sector in (ulong[])[0, last])
        {
            byte[] written = new byte[length];
            new Random((int)(sector % int.MaxValue)).NextBytes(written);
            TestSegment[] chain = BlockRequest.Prepare(bench, 0, BlockRequest.Write, sector, length);
            written.CopyTo(bench.Bytes(0, BlockKind.DataOffset, length));
            byte status = Ask(bench, ring, chain);
            DeviceBench.Require(status == BlockRequest.Ok, "ends a write with status " + DecimalText.Of(status));
            Expect(bench, ring, BlockRequest.Read, sector, length, BlockRequest.Ok);
            DeviceBench.Require(
                bench.Bytes(0, BlockKind.DataOffset, length).SequenceEqual(written),
                "reads something else from sector " + DecimalText.Of(sector) + " than was written there");
        }
    }

    private static void WritesZeroes(DeviceBench bench)
    {
        bench.Need(BlockBits.WriteZeroes, "WRITE_ZEROES");
        (TestRing ring, uint length, _) = StartForWriting(bench, BlockBits.WriteZeroes);
        TestSegment[] chain = BlockRequest.Prepare(bench, 0, BlockRequest.Write, 0, length);
        bench.Bytes(0, BlockKind.DataOffset, length).Fill(0xC3);
        DeviceBench.Require(Ask(bench, ring, chain) == BlockRequest.Ok, "fails a write");
        ExpectRange(bench, ring, BlockRequest.WriteZeroes, 0, BlockRequest.Ok);
        Expect(bench, ring, BlockRequest.Read, 0, length, BlockRequest.Ok);
        DeviceBench.Require(
            !bench.Bytes(0, BlockKind.DataOffset, length).ContainsAnyExcept((byte)0),
            "reads something else than zeroes where zeroes were written");
    }

    private static void Discards(DeviceBench bench)
    {
        bench.Need(BlockBits.Discard, "DISCARD");
        (TestRing ring, _, _) = StartForWriting(bench, BlockBits.Discard);
        ExpectRange(bench, ring, BlockRequest.Discard, 0, BlockRequest.Ok);
    }

    private static (TestRing Ring, uint Length, ulong Last) StartForWriting(DeviceBench bench, Features more)
    {
        if (bench.Offers(BlockBits.ReadOnly))
        {
            DeviceBench.Skip("is read-only");
        }

        ulong capacity = NeedSectors(bench);
        uint sectors = SectorsPerBlock(bench);
        uint length = sectors * BlockKind.SectorLength;
        if (length > BlockKind.StatusOffset - BlockKind.DataOffset)
        {
            DeviceBench.Skip("has larger blocks than this test has memory for");
        }

        return (bench.Start(Kind, more), length, (capacity / sectors * sectors) - sectors);
    }

    private static ulong NeedSectors(DeviceBench bench)
    {
        ulong capacity = bench.Transport.ReadConfiguration64(CapacityOffset);
        if (capacity < SectorsPerBlock(bench))
        {
            DeviceBench.Skip("has no sectors");
        }

        return capacity;
    }

    private static uint SectorsPerBlock(DeviceBench bench)
    {
        uint size = bench.Offers(BlockBits.BlkSize) ? bench.Transport.ReadConfiguration32(BlkSizeOffset) : 0;
        return Math.Max(size / BlockKind.SectorLength, 1);
    }

    private static void Expect(
        DeviceBench bench, TestRing ring, uint type, ulong sector, uint length, byte expected)
    {
        byte status = Ask(bench, ring, type, sector, length);
        DeviceBench.Require(
            status == expected,
            "ends a request of type " + DecimalText.Of(type) + " with status " + DecimalText.Of(status) + ", not "
                + DecimalText.Of(expected));
    }

    private static void ExpectRange(DeviceBench bench, TestRing ring, uint type, uint flags, byte expected)
    {
        TestSegment[] chain = BlockRequest.Prepare(bench, 0, type, 0, RangeLength);
        Span<byte> range = bench.Bytes(0, BlockKind.DataOffset, RangeLength);
        BinaryPrimitives.WriteUInt64LittleEndian(range, 0);
        BinaryPrimitives.WriteUInt32LittleEndian(range[8..], SectorsPerBlock(bench));
        BinaryPrimitives.WriteUInt32LittleEndian(range[12..], flags);
        byte status = Ask(bench, ring, chain);
        DeviceBench.Require(
            status == expected,
            "ends a request of type " + DecimalText.Of(type) + " with flags " + GeneralTests.Hex(flags)
                + " with status " + DecimalText.Of(status) + ", not " + DecimalText.Of(expected));
    }

    private static byte Ask(DeviceBench bench, TestRing ring, uint type, ulong sector, uint length) =>
        Ask(bench, ring, BlockRequest.Prepare(bench, 0, type, sector, length));

    private static byte Ask(DeviceBench bench, TestRing ring, TestSegment[] chain)
    {
        bench.HandOver(0);
        ring.Post(chain);
        ring.Publish();
        ring.Kick();
        bench.Take(ring);
        bench.TakeBack(0);
        return bench.Bytes(0, BlockKind.StatusOffset, 1)[0];
    }
}

/// <summary>The requests of block devices (virtio 1.4, 5.2.6).</summary>
internal static class BlockRequest
{
    public const uint Read = 0;
    public const uint Write = 1;
    public const uint Flush = 4;
    public const uint GetId = 8;
    public const uint Discard = 11;
    public const uint WriteZeroes = 13;

    public const byte Ok = 0;
    public const byte IoError = 1;
    public const byte Unsupported = 2;

    /// <summary>How long an ID is.</summary>
    public const uint IdLength = 20;

    /// <summary>Writes a request into the memory of a slot; the status says that there is none yet.</summary>
    /// <returns>Its chain: header, data where there are any, status.</returns>
    public static TestSegment[] Prepare(DeviceBench bench, int slot, uint type, ulong sector, uint length)
    {
        Span<byte> header = bench.Bytes(slot, 0, BlockKind.HeaderLength);
        BinaryPrimitives.WriteUInt32LittleEndian(header, type);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], 0);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], sector);
        bench.Bytes(slot, BlockKind.StatusOffset, 1)[0] = BlockKind.NoStatus;
        TestSegment begin = bench.Readable(slot, 0, BlockKind.HeaderLength);
        TestSegment end = bench.Writable(slot, BlockKind.StatusOffset, 1);
        if (length == 0)
        {
            return [begin, end];
        }

        bool isForDevice = type is Write or Discard or WriteZeroes;
        return
        [
            begin,
            isForDevice
                ? bench.Readable(slot, BlockKind.DataOffset, length)
                : bench.Writable(slot, BlockKind.DataOffset, length),
            end,
        ];
    }
}

/// <summary>The feature bits of block devices (virtio 1.4, 5.2.3).</summary>
internal static class BlockBits
{
    public const Features SizeMax = (Features)(1UL << 1);
    public const Features SegMax = (Features)(1UL << 2);
    public const Features ReadOnly = (Features)(1UL << 5);
    public const Features BlkSize = (Features)(1UL << 6);
    public const Features Flush = (Features)(1UL << 9);
    public const Features ConfigWce = (Features)(1UL << 11);
    public const Features MultiQueue = (Features)(1UL << 12);
    public const Features Discard = (Features)(1UL << 13);
    public const Features WriteZeroes = (Features)(1UL << 14);
}
