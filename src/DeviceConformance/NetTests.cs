using System;
using System.Buffers.Binary;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>What a network device does with frames and commands (virtio 1.4, 5.1).</summary>
internal static class NetTests
{
    private const uint StatusOffset = 6;
    private const uint PairsOffset = 8;
    private const uint MtuOffset = 10;
    private const int MacLength = 6;
    private const ushort LeastMtu = 68;
    private const ushort MostPairs = 0x8000;
    private const ushort DefinedStatus = 3;
    private const uint AnswerOffset = 2048;
    private const byte NoAnswer = 0xEE;
    private const byte Ok = 0;
    private const byte Error = 1;
    private const byte ReceiveClass = 0;
    private const byte MacClass = 1;
    private const byte PairsClass = 4;
    private const byte VlanClass = 2;
    private const byte AnnounceClass = 3;
    private const byte OffloadClass = 5;
    private const byte CoalescingClass = 6;
    private const byte AllUnicast = 2;
    private const byte NoBroadcast = 5;
    private const byte SetScaling = 1;
    private const byte SetHash = 2;
    private const byte SetOfQueue = 2;
    private const byte GetOfQueue = 3;
    private const ushort AskedToAnnounce = 2;
    private const uint KeySizeOffset = 17;
    private const uint TableLengthOffset = 18;
    private const uint HashTypesOffset = 20;
    private const int MostKey = 64;
    private const byte UnknownClass = 0xC8;
    private const byte SetAddress = 1;
    private const byte SetPairs = 0;
    private const byte UnknownCommand = 0xC8;
    private const byte ChecksumIsValid = 2;
    private const byte NeedsChecksum = 1;

    public static DeviceTest[] All =>
    [
        Of("net.config", "The fields of the configuration make sense", "5.1.4.2", Configuration),
        Of("net.frames", "Frames of every length are sent", "5.1.9.2.2", SendsEveryLength, isPerForm: true),
        Of("net.header", "A received frame uses nothing that was not negotiated", "5.1.9.4.1", Header),
        Of("net.commands", "Commands that were negotiated are answered", "5.1.9.5", Commands, isPerForm: true),
        Of("net.unknown", "A command that nobody knows is answered with ERR", "5.1.9.5", UnknownCommands),
        Of("net.pairs", "No number of queue pairs is taken that is not possible", "5.1.9.5.6.2", Pairs),
        Of("net.address", "The address of the station can be set", "5.1.9.5.2.1", Address),
        Of("net.modes", "All modes of receiving that were negotiated can be set", "5.1.9.5.1", Modes),
        Of("net.vlan", "VLANs can be let through and kept out", "5.1.9.5.3", Vlans),
        Of("net.announce", "An announcement that was made is not asked for again", "5.1.9.5.4", Announcement),
        Of("net.offloads", "Offloads of received frames can be turned off and on", "5.1.9.5.6", Offloads),
        Of("net.rss", "Receive-side scaling can be set up", "5.1.9.5.7", Scaling),
        Of("net.hash", "The hash of received frames can be set up", "5.1.9.5.9", Hashing),
        Of("net.coalescing", "Notifications can be spared", "5.1.9.5.10", Coalescing),
        Of("net.coalescing-queue", "Notifications can be spared for a queue", "5.1.9.5.10", CoalescingOfQueue),
    ];

    private static DeviceTest Of(
        string id, string title, string clause, Action<DeviceBench> body, bool isPerForm = false) =>
        new(id, title, clause, body) { DeviceType = DeviceTypes.Network, IsPerForm = isPerForm };

    private static void Configuration(DeviceBench bench)
    {
        VirtioTransport transport = bench.Transport;
        if (bench.Offers(NetBits.Mac))
        {
            byte[] address = ReadAddress(bench);
            DeviceBench.Require((address[0] & 1) == 0, "has a group's address, " + Hexadecimal.Format(address));
            DeviceBench.Require(address.AsSpan().ContainsAnyExcept((byte)0), "has the address 0");
        }

        if (bench.Offers(NetBits.Status))
        {
            ushort status = transport.ReadConfiguration16(StatusOffset);
            DeviceBench.Require((status & ~DefinedStatus) == 0, "has the status " + GeneralTests.Hex(status));
        }

        if (bench.Offers(NetBits.QueuePairs))
        {
            ushort pairs = transport.ReadConfiguration16(PairsOffset);
            DeviceBench.Require(
                pairs is >= 1 and <= MostPairs, "says that it has " + DecimalText.Of(pairs) + " queue pairs");
        }

        if (bench.Offers(NetBits.Mtu))
        {
            ushort mtu = transport.ReadConfiguration16(MtuOffset);
            DeviceBench.Require(mtu >= LeastMtu, "has an MTU of " + DecimalText.Of(mtu));
        }
    }

    private static void SendsEveryLength(DeviceBench bench)
    {
        var kind = (NetKind)DeviceKind.Of(DeviceTypes.Network)!;
        TestRing ring = bench.Start(kind);
        uint[] lengths = [14, 60, 61, 590, 1514];
        foreach (uint length in lengths)
        {
            TestSegment header = kind.Prepare(bench, 0)[0];
            bench.HandOver(0);
            ushort id = ring.Post([header, bench.Readable(0, NetKind.HeaderLength, length)]);
            ring.Publish();
            ring.Kick();
            UsedElement used = bench.Take(ring);
            DeviceBench.Require(used.Id == id, "gives back buffer " + DecimalText.Of(used.Id));
        }
    }

    private static void Header(DeviceBench bench)
    {
        const uint Room = 2048;
        const ulong Patience = 2_000_000_000;
        if (!bench.TryNegotiate(bench.Wanted()))
        {
            DeviceBench.Skip("does not take its features by themselves");
        }

        TestRing[] rings = bench.SetUpRings(2);
        TestRing receive = rings[NetKind.ReceiveQueue];
        for (int slot = 1; slot < 9; slot++)
        {
            bench.Fill(slot, NoAnswer);
            bench.HandOver(slot);
            receive.Post([bench.Writable(slot, 0, Room)]);
        }

        receive.Publish();
        bench.GoLive();
        receive.Kick();
        AskWhoIsThere(bench, rings[NetKind.TransmitQueue]);
        UsedElement used = default;
        if (!bench.WaitFor(() => receive.TryTake(out used), Patience))
        {
            DeviceBench.Skip("nobody on the network answers");
        }

        DeviceBench.Require(
            used.Length is >= NetKind.HeaderLength + 14 and <= Room,
            "receives " + DecimalText.Of(used.Length) + " bytes, header included");
        int place = 0;
        for (int slot = 1; slot < 9; slot++)
        {
            bench.TakeBack(slot);
            place = place == 0 && bench.Bytes(slot, 0, 1)[0] != NoAnswer ? slot : place;
        }

        ReadOnlySpan<byte> header = bench.Bytes(place, 0, NetKind.HeaderLength);
        DeviceBench.Require(place != 0, "gives back a buffer that it did not write to");
        DeviceBench.Require(
            (header[0] & NeedsChecksum) == 0, "leaves a checksum to the driver without GUEST_CSUM");
        DeviceBench.Require(
            (header[0] & ~ChecksumIsValid) == 0, "has header flags " + GeneralTests.Hex(header[0]));
        DeviceBench.Require(header[1] == 0, "delivers segments of kind " + DecimalText.Of(header[1]));
        ushort buffers = BinaryPrimitives.ReadUInt16LittleEndian(header[10..]);
        DeviceBench.Require(
            buffers == 1, "says that a frame lies in " + DecimalText.Of(buffers) + " buffers without MRG_RXBUF");
    }

    /// <summary>Broadcasts a DHCP discovery, which most networks have somebody for.</summary>
    private static void AskWhoIsThere(DeviceBench bench, TestRing transmit)
    {
        const int IPv4 = 14;
        const int Udp = IPv4 + 20;
        const int Bootp = Udp + 8;
        const int Options = Bootp + 236;
        const int Length = Options + 8;
        bench.Fill(0, 0);
        Span<byte> frame = bench.Bytes(0, NetKind.HeaderLength, Length);
        byte[] address = bench.Offers(NetBits.Mac) ? ReadAddress(bench) : [2, 0, 0, 0, 0, 2];
        frame[..MacLength].Fill(0xFF);
        address.CopyTo(frame[MacLength..]);
        frame[12] = 8;
        Span<byte> ip = frame[IPv4..Udp];
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], Length - IPv4);
        ip[8] = 64;
        ip[9] = 17;
        ip[16..].Fill(0xFF);
        uint sum = 0;
        for (int i = 0; i < ip.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(ip[i..]);
        }

        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], (ushort)~((sum & 0xFFFF) + (sum >> 16)));
        BinaryPrimitives.WriteUInt16BigEndian(frame[Udp..], 68);
        BinaryPrimitives.WriteUInt16BigEndian(frame[(Udp + 2)..], 67);
        BinaryPrimitives.WriteUInt16BigEndian(frame[(Udp + 4)..], Length - Udp);
        ReadOnlySpan<byte> start = [1, 1, 6, 0, 0x56, 0x47, 0x43, 0x54, 0, 0, 0x80, 0];
        start.CopyTo(frame[Bootp..]);
        address.CopyTo(frame[(Bootp + 28)..]);
        ReadOnlySpan<byte> options = [0x63, 0x82, 0x53, 0x63, 53, 1, 1, 255];
        options.CopyTo(frame[Options..]);
        bench.HandOver(0);
        transmit.Post([bench.Readable(0, 0, NetKind.HeaderLength + Length)]);
        transmit.Publish();
        transmit.Kick();
        bench.Take(transmit);
    }

    private static void Commands(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.ControlReceive, "CTRL_RX");
        TestRing control = StartControl(bench, NetBits.ControlReceive);
        for (byte mode = 0; mode <= 1; mode++)
        {
            foreach (byte isOn in (byte[])[0, 1, 0])
            {
                Expect(bench, control, ReceiveClass, mode, [isOn], Ok);
            }
        }
    }

    private static void UnknownCommands(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.ControlReceive, "CTRL_RX");
        TestRing control = StartControl(bench, NetBits.ControlReceive);
        Expect(bench, control, UnknownClass, 0, [0], Error);
        Expect(bench, control, ReceiveClass, UnknownCommand, [0], Error);
        Expect(bench, control, ReceiveClass, 0, [0], Ok);
    }

    private static void Pairs(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.QueuePairs, "MQ");
        ushort most = bench.Transport.ReadConfiguration16(PairsOffset);
        TestRing control = StartControl(bench, NetBits.QueuePairs, (most * 2) + 1);
        Expect(bench, control, PairsClass, SetPairs, [1, 0], Ok);
        Expect(bench, control, PairsClass, SetPairs, [0, 0], Error);
        if (most < MostPairs)
        {
            ushort above = (ushort)(most + 1);
            Expect(bench, control, PairsClass, SetPairs, [(byte)above, (byte)(above >> 8)], Error);
        }
    }

    private static void Address(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.ControlMac | NetBits.Mac, "CTRL_MAC_ADDR");
        byte[] before = ReadAddress(bench);
        TestRing control = StartControl(bench, NetBits.ControlMac | NetBits.Mac);
        byte[] other = [2, 0, 0, 1, 2, 3];
        foreach (byte[] address in (byte[][])[other, before])
        {
            Expect(bench, control, MacClass, SetAddress, address, Ok);
            byte[] now = ReadAddress(bench);
            DeviceBench.Require(
                now.AsSpan().SequenceEqual(address),
                "has the address " + Hexadecimal.Format(now) + " after " + Hexadecimal.Format(address) + " was set");
        }
    }

    private static void Modes(DeviceBench bench)
    {
        const Features Modes = NetBits.ControlReceive | NetBits.ControlReceiveExtra;
        bench.Need(NetBits.ControlQueue | Modes, "CTRL_RX_EXTRA");
        TestRing control = StartControl(bench, Modes);
        for (byte mode = AllUnicast; mode <= NoBroadcast; mode++)
        {
            Expect(bench, control, ReceiveClass, mode, [1], Ok);
            Expect(bench, control, ReceiveClass, mode, [0], Ok);
        }
    }

    private static void Vlans(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.ControlVlan, "CTRL_VLAN");
        TestRing control = StartControl(bench, NetBits.ControlVlan);
        foreach (byte command in (byte[])[0, 1, 0, 1])
        {
            Expect(bench, control, VlanClass, command, [7, 0], Ok);
        }
    }

    private static void Announcement(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.Announce | NetBits.Status, "GUEST_ANNOUNCE");
        TestRing control = StartControl(bench, NetBits.Announce | NetBits.Status);
        if ((bench.Transport.ReadConfiguration16(StatusOffset) & AskedToAnnounce) == 0)
        {
            DeviceBench.Skip("asks for no announcement");
        }

        Expect(bench, control, AnnounceClass, 0, [], Ok);
        DeviceBench.Require(
            (bench.Transport.ReadConfiguration16(StatusOffset) & AskedToAnnounce) == 0,
            "asks for an announcement that was made");
    }

    private static void Offloads(DeviceBench bench)
    {
        const Features Needed = NetBits.GuestOffloads | NetBits.GuestChecksum;
        bench.Need(NetBits.ControlQueue | Needed, "CTRL_GUEST_OFFLOADS");
        TestRing control = StartControl(bench, Needed);
        foreach (ulong offloads in (ulong[])[0, (ulong)NetBits.GuestChecksum])
        {
            byte[] data = new byte[sizeof(ulong)];
            BinaryPrimitives.WriteUInt64LittleEndian(data, offloads);
            Expect(bench, control, OffloadClass, 0, data, Ok);
        }
    }

    private static void Scaling(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.Rss, "RSS");
        byte[] key = NewKey(bench, out uint types);
        ushort table = bench.Transport.ReadConfiguration16(TableLengthOffset);
        DeviceBench.Require(table >= 128, "has a table of " + DecimalText.Of(table) + " entries, and 128 is the least");
        ushort pairs = bench.Transport.ReadConfiguration16(PairsOffset);
        TestRing control = StartControl(bench, NetBits.Rss, (pairs * 2) + 1);

        // Hash types, the table's mask, the queue for what has no hash, one entry, the last queue to send by, the key.
        byte[] data = new byte[13 + key.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(data, types);
        BinaryPrimitives.WriteUInt16LittleEndian(data.AsSpan(10), 1);
        data[12] = (byte)key.Length;
        key.CopyTo(data, 13);
        Expect(bench, control, PairsClass, SetScaling, data, Ok);
    }

    private static void Hashing(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.HashReport, "HASH_REPORT");
        byte[] key = NewKey(bench, out uint types);
        TestRing control = StartControl(bench, NetBits.HashReport);

        // Hash types, eight reserved bytes, the key.
        byte[] data = new byte[13 + key.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(data, types);
        data[12] = (byte)key.Length;
        key.CopyTo(data, 13);
        Expect(bench, control, PairsClass, SetHash, data, Ok);
    }

    private static byte[] NewKey(DeviceBench bench, out uint types)
    {
        types = bench.Transport.ReadConfiguration32(HashTypesOffset);
        byte length = bench.Transport.ReadConfiguration8(KeySizeOffset);
        DeviceBench.Require(length >= 40, "takes a key of " + DecimalText.Of(length) + " bytes, and 40 is the least");
        byte[] key = new byte[Math.Min((int)length, MostKey)];
        Array.Fill(key, (byte)0x6D);
        return key;
    }

    private static void Coalescing(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.CoalesceNotifications, "NOTF_COAL");
        TestRing control = StartControl(bench, NetBits.CoalesceNotifications);
        foreach (byte command in (byte[])[0, 1])
        {
            Expect(bench, control, CoalescingClass, command, [8, 0, 0, 0, 100, 0, 0, 0], Ok);
            Expect(bench, control, CoalescingClass, command, [0, 0, 0, 0, 0, 0, 0, 0], Ok);
        }
    }

    private static void CoalescingOfQueue(DeviceBench bench)
    {
        bench.Need(NetBits.ControlQueue | NetBits.CoalescePerQueue, "VQ_NOTF_COAL");
        TestRing control = StartControl(bench, NetBits.CoalescePerQueue);

        // The queue's index, two reserved bytes, packets, microseconds.
        Expect(bench, control, CoalescingClass, SetOfQueue, [1, 0, 0, 0, 8, 0, 0, 0, 100, 0, 0, 0], Ok);
        Expect(bench, control, CoalescingClass, SetOfQueue, [0x77, 0, 0, 0, 8, 0, 0, 0, 100, 0, 0, 0], Error);
        Expect(bench, control, CoalescingClass, GetOfQueue, [0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], Error);
    }

    /// <summary>Brings the device up with its control queue, which comes behind all others.</summary>
    /// <param name="bench">The device.</param>
    /// <param name="more">What is negotiated besides.</param>
    /// <param name="queues">How many queues there are, the control queue included.</param>
    private static TestRing StartControl(DeviceBench bench, Features more, int queues = 3)
    {
        if (!bench.TryNegotiate(bench.Wanted(NetBits.ControlQueue | more)))
        {
            DeviceBench.Fail("does not take " + GeneralTests.Hex((ulong)more) + " with CTRL_VQ");
        }

        if (queues > DeviceBench.MostQueues)
        {
            DeviceBench.Skip("has more queues than this test has room for");
        }

        TestRing[] rings = bench.SetUpRings(queues, maximumSize: 16);
        bench.GoLive();
        return rings[^1];
    }

    private static void Expect(
        DeviceBench bench, TestRing control, byte commandClass, byte command, ReadOnlySpan<byte> data, byte expected)
    {
        const uint DataOffset = 64;
        bench.Fill(0, NoAnswer);
        Span<byte> bytes = bench.Bytes(0, 0, 2);
        bytes[0] = commandClass;
        bytes[1] = command;
        data.CopyTo(bench.Bytes(0, DataOffset, (uint)data.Length));
        bench.HandOver(0);
        control.Post(data.IsEmpty
            ? [bench.Readable(0, 0, 2), bench.Writable(0, AnswerOffset, 1)]
            :
            [
                bench.Readable(0, 0, 2),
                bench.Readable(0, DataOffset, (uint)data.Length),
                bench.Writable(0, AnswerOffset, 1),
            ]);
        control.Publish();
        control.Kick();
        bench.Take(control);
        bench.TakeBack(0);
        byte answer = bench.Bytes(0, AnswerOffset, 1)[0];
        DeviceBench.Require(
            answer == expected,
            "answers command " + DecimalText.Of(command) + " of class " + DecimalText.Of(commandClass) + " ("
                + Hexadecimal.Format(data) + ") with " + DecimalText.Of(answer) + ", not " + DecimalText.Of(expected));
    }

    private static byte[] ReadAddress(DeviceBench bench)
    {
        byte[] address = new byte[MacLength];
        for (int i = 0; i < MacLength; i++)
        {
            address[i] = bench.Transport.ReadConfiguration8((uint)i);
        }

        return address;
    }
}

/// <summary>The feature bits of network devices (virtio 1.4, 5.1.3).</summary>
internal static class NetBits
{
    public const Features Checksum = (Features)(1UL << 0);
    public const Features GuestChecksum = (Features)(1UL << 1);
    public const Features GuestOffloads = (Features)(1UL << 2);
    public const Features Mtu = (Features)(1UL << 3);
    public const Features Mac = (Features)(1UL << 5);
    public const Features GuestTso4 = (Features)(1UL << 7);
    public const Features GuestTso6 = (Features)(1UL << 8);
    public const Features GuestEcn = (Features)(1UL << 9);
    public const Features GuestUfo = (Features)(1UL << 10);
    public const Features HostTso4 = (Features)(1UL << 11);
    public const Features HostTso6 = (Features)(1UL << 12);
    public const Features HostEcn = (Features)(1UL << 13);
    public const Features HostUfo = (Features)(1UL << 14);
    public const Features Status = (Features)(1UL << 16);
    public const Features ControlQueue = (Features)(1UL << 17);
    public const Features ControlReceive = (Features)(1UL << 18);
    public const Features ControlVlan = (Features)(1UL << 19);
    public const Features ControlReceiveExtra = (Features)(1UL << 20);
    public const Features Announce = (Features)(1UL << 21);
    public const Features QueuePairs = (Features)(1UL << 22);
    public const Features ControlMac = (Features)(1UL << 23);
    public const Features CoalescePerQueue = (Features)(1UL << 52);
    public const Features CoalesceNotifications = (Features)(1UL << 53);
    public const Features GuestUso4 = (Features)(1UL << 54);
    public const Features GuestUso6 = (Features)(1UL << 55);
    public const Features HostUso = (Features)(1UL << 56);
    public const Features HashReport = (Features)(1UL << 57);
    public const Features Rss = (Features)(1UL << 60);
}
