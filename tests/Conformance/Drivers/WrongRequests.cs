using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Conformance.Tests.Drivers;

/// <summary>Drivers that go wrong about their type of device (virtio 1.4, 5).</summary>
internal static class WrongRequests
{
    private const ulong HostUfo = 1UL << 14;
    private const ulong Offloads = NetFeature.Checksum | NetFeature.HostTso4;

    public static IEnumerable<WrongDriver> Block()
    {
        TinySetup plain = Setups.Disk();
        TinySetup flush = Setups.Disk(BlockFeature.Flush);
        TinySetup readOnly = Setups.Disk(BlockFeature.ReadOnly);
        TinySetup discard = Setups.Ranges(BlockFeature.Discard);
        yield return new(
            "drv.blk.4",
            "reads writeback before FEATURES_OK",
            Setups.Disk(BlockFeature.ConfigWce | BlockFeature.Flush),
            driver => driver.Before("agree", () => driver.ReadField(32, 1)));
        yield return new("drv.blk.12", "reads beyond the end", plain, driver =>
            After(driver, () => driver.Request(0, 60, [], 8 * 512)));
        yield return new("drv.blk.13", "does not accept RO", readOnly, driver =>
            driver.Choose = offered => offered & ~BlockFeature.ReadOnly);
        yield return new("drv.blk.14", "flushes a sector", flush, driver =>
            After(driver, () => driver.Request(4, 7, [])));
        yield return new("drv.blk.15", "flushes data", flush, driver =>
            After(driver, () => driver.Request(4, 0, new byte[4])));
        yield return new("drv.blk.16", "reads part of a sector", plain, driver =>
            After(driver, () => driver.Request(0, 0, [], 100)));
        yield return new("drv.blk.17", "discards part of a range", discard, driver =>
            After(driver, () => driver.Request(11, 0, new byte[20])));
        yield return new("drv.blk.18", "asks for a name of 19 bytes", plain, driver =>
            After(driver, () => driver.Request(8, 0, [], 19)));
        yield return new("drv.blk.19", "discards too many ranges", discard, driver =>
            After(driver, () => driver.Request(11, 0, Ranges(3))));
        yield return new("drv.blk.20", "erases too many ranges", Setups.Ranges(BlockFeature.SecureErase), driver =>
            After(driver, () => driver.Request(14, 0, Ranges(3))));
        yield return new("drv.blk.21", "clears too many ranges", Setups.Ranges(BlockFeature.WriteZeroes), driver =>
            After(driver, () => driver.Request(13, 0, Ranges(3))));
        yield return new("drv.blk.24", "unmaps by a discard", discard, driver =>
            After(driver, () => driver.Request(11, 0, Ranges(1, flags: 1))));
        yield return new("drv.blk.29", "sends half a header", plain, driver =>
            After(driver, () => driver.Submit(
                driver.Ring, new Piece(driver.Put(0), 8, false), new Piece(driver.Put(2), 1, true))));
        yield return new("drv.blk.29", "leaves no place for the status", plain, driver =>
            After(driver, () => driver.Submit(driver.Ring, new Piece(driver.Put(0), 16, false))));
        yield return new("drv.blk.30", "flushes where it cannot", plain, driver =>
            After(driver, () => driver.Request(4, 0, [])));
        yield return new("drv.blk.31", "sets a flag that means nothing", Setups.Ranges(BlockFeature.WriteZeroes),
            driver => After(driver, () => driver.Request(13, 0, Ranges(1, flags: 2))));
        yield return new(
            "drv.blk.32",
            "has more segments than the device takes",
            Setups.Disk(BlockFeature.SegmentMaximum) with
            {
                Prepare = model => ((BlockDevice)model).SegmentMaximum = 1,
            },
            driver => After(driver, () => driver.Submit(
                driver.Ring,
                new Piece(driver.Put(0, new byte[16]), 16, false),
                new Piece(driver.Put(4), 512, true),
                new Piece(driver.Put(6), 512, true),
                new Piece(driver.Put(2), 1, true))));
        yield return new("drv.blk.33", "writes what is for reading", readOnly, driver =>
            After(driver, () => driver.Request(1, 0, new byte[512])));
        yield return new("drv.blk.34", "clears a range that is too long", Setups.Ranges(BlockFeature.WriteZeroes),
            driver => After(driver, () => driver.Request(13, 0, Ranges(1, sectors: 5))));
    }

    public static IEnumerable<WrongDriver> Entropy()
    {
        yield return new("drv.rng.1", "has something to read", Setups.Entropy(), driver =>
            After(driver, () => driver.Submit(
                driver.Ring, new Piece(driver.Put(0), 4, false), new Piece(driver.Put(1), 4, true))));
    }

    public static IEnumerable<WrongDriver> Net()
    {
        TinySetup plain = Setups.Card();
        TinySetup checksum = Setups.Card(NetFeature.Checksum);
        TinySetup offloads = Setups.Card(Offloads);
        TinySetup mtu = Setups.Card(NetFeature.Mtu);
        yield return new("drv.net.1", "writes its address into the configuration", plain, driver =>
            driver.After("live", () => driver.Machine.Write(TinyMachine.Configuration, 1, 2)));
        yield return new("drv.net.2", "leaves MAC alone", plain, driver =>
            driver.Choose = offered => offered & ~NetFeature.Mac);
        yield return new("drv.net.7", "leaves MTU alone", mtu, driver =>
            driver.Choose = offered => offered & ~NetFeature.Mtu);
        yield return new("drv.net.9", "sends more than the MTU", mtu, driver =>
            After(driver, () => driver.Send(driver.Rings[1], length: 1600)));
        yield return new(
            "drv.net.13",
            "accepts HASH_REPORT without CTRL_VQ",
            Setups.Card(NetFeature.HashReport | NetFeature.ControlQueue),
            driver =>
            {
                driver.Choose = offered => offered & ~NetFeature.ControlQueue;
                driver.Omit("work");
            });
        yield return new(
            "drv.net.14",
            "accepts CTRL_RX_EXTRA without CTRL_VQ",
            Setups.Card(NetFeature.ControlReceiveExtra | NetFeature.ControlQueue),
            driver => driver.Choose = offered => offered & ~NetFeature.ControlQueue);
        yield return new("drv.net.15", "sends half a header", plain, driver =>
            After(driver, () => driver.Submit(driver.Rings[1], new Piece(driver.Put(0), 8, false))));
        yield return Sending("drv.net.16", "counts buffers", plain, new NetPacketHeader(0, BufferCount: 1));
        yield return Sending("drv.net.17", "wants a checksum", plain, new NetPacketHeader(1, ChecksumStart: 34));
        yield return Sending("drv.net.21", "cuts TCP over IPv4",
            Setups.Card(NetFeature.Checksum | NetFeature.HostTso6), Large(NetPacketHeader.Tcp4));
        yield return Sending("drv.net.23", "cuts TCP over IPv6", offloads, Large(NetPacketHeader.Tcp6));
        yield return Sending("drv.net.25", "cuts UDP into fragments", offloads, Large(3));
        yield return Sending("drv.net.27", "cuts UDP into datagrams", offloads, Large(NetPacketHeader.UdpDatagrams));
        yield return Sending("drv.net.31", "cuts a tunnel", plain, new NetPacketHeader(0, SegmentType: 0x20));
        yield return Sending("drv.net.36", "wants a checksum nowhere", checksum,
            new NetPacketHeader(1, ChecksumStart: 500));
        yield return Sending("drv.net.37", "cuts what is not to be cut", checksum, Large(NetPacketHeader.Tcp4));
        yield return Sending("drv.net.38", "cuts without a checksum", offloads,
            Large(NetPacketHeader.Tcp4) with { Flags = 0 });
        yield return Sending("drv.net.39", "cuts into nothing", offloads,
            Large(NetPacketHeader.Tcp4) with { SegmentSize = 0 });
        yield return Sending("drv.net.40", "tells another length of headers",
            Setups.Card(Offloads | NetFeature.GuestHeaderLength),
            Large(NetPacketHeader.Tcp4) with { HeaderLength = 50 });
        yield return Sending("drv.net.41", "tells too short headers", offloads,
            Large(NetPacketHeader.Tcp4) with { HeaderLength = 10 });
        yield return Sending("drv.net.43", "says DATA_VALID", checksum, new NetPacketHeader(2));
        yield return new(
            "drv.net.45",
            "has no room for large frames",
            Setups.Card(NetFeature.GuestChecksum | NetFeature.GuestTso4),
            driver => After(driver, () => driver.Receive(1526)));
        yield return new("drv.net.46", "has no room for frames", plain, driver =>
            After(driver, () => driver.Receive(1000)));
        yield return new("drv.net.47", "has no room for the header", Setups.Card(NetFeature.MergeableBuffers), driver =>
            After(driver, () => driver.Receive(8)));
        foreach (WrongDriver each in Commands())
        {
            yield return each;
        }
    }

    private static IEnumerable<WrongDriver> Commands()
    {
        TinySetup control = Setups.Card(NetFeature.ControlQueue);
        TinySetup queues = Setups.Card(NetFeature.ControlQueue | NetFeature.MultipleQueues);
        yield return Commanding("drv.net.61", "turns on a mode", control, 0, 0, 1);
        yield return Commanding("drv.net.62", "turns on an extra mode", control, 0, 2, 1);
        yield return Commanding("drv.net.63", "sets its address", control, 1, 1, 2, 0, 0, 0, 0, 1);
        yield return Commanding(
            "drv.net.65",
            "names fewer stations than it counts",
            Setups.Card(NetFeature.ControlQueue | NetFeature.ControlReceive),
            1,
            0,
            2, 0, 0, 0, 0, 0, 0, 0);
        yield return Commanding("drv.net.70", "asks for too many pairs", queues, 4, 0, 9, 0);
        yield return new("drv.net.71", "sends by the second pair unasked", queues, driver =>
            After(driver, () => driver.Send(driver.Rings[3])));
        yield return new("drv.net.72", "sends by a pair that it gave up", queues, driver =>
            After(driver, () =>
            {
                driver.Command(4, 0, 2, 0);
                driver.Command(4, 0, 1, 0);
                driver.Send(driver.Rings[3]);
            }));
        yield return Commanding("drv.net.73", "configures RSS", control, 4, 1, new byte[12]);
        yield return Commanding(
            "drv.net.75",
            "has a table of three",
            Setups.Card(NetFeature.ControlQueue | NetFeature.Rss),
            4,
            1,
            0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0);
        yield return Commanding(
            "drv.net.79",
            "enables an offload",
            Setups.Card(NetFeature.ControlQueue | NetFeature.ControlGuestOffloads),
            5,
            0,
            0x80, 0, 0, 0, 0, 0, 0, 0);
        yield return Commanding("drv.net.81", "coalesces", control, 6, 0, new byte[8]);
        yield return Commanding("drv.net.82", "coalesces a queue", control, 6, 2, new byte[12]);
    }

    private static NetPacketHeader Large(byte type) => new(
        NetPacketHeader.NeedsChecksum, type, HeaderLength: 42, SegmentSize: 20, ChecksumStart: 34, ChecksumOffset: 16);

    private static WrongDriver Sending(string requirement, string what, TinySetup setup, NetPacketHeader header) =>
        new(requirement, what, setup, driver => After(driver, () => driver.Send(driver.Rings[1], header)));

    private static WrongDriver Commanding(
        string requirement, string what, TinySetup setup, byte kind, byte number, params byte[] data) =>
        new(requirement, what, setup, driver => After(driver, () => driver.Command(kind, number, data)));

    private static void After(TinyDriver driver, Action action) => driver.After("work", action);

    private static byte[] Ranges(int count, uint sectors = 1, uint flags = 0)
    {
        byte[] ranges = new byte[16 * count];
        for (int i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteUInt64LittleEndian(ranges.AsSpan(16 * i), (ulong)i);
            BinaryPrimitives.WriteUInt32LittleEndian(ranges.AsSpan((16 * i) + 8), sectors);
            BinaryPrimitives.WriteUInt32LittleEndian(ranges.AsSpan((16 * i) + 12), flags);
        }

        return ranges;
    }
}
