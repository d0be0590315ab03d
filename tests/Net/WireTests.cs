using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tests;

public sealed class WireTests
{
    private static readonly MacAddress s_hardware = MacAddress.Parse("52:54:00:12:34:56");

    [Test]
    public void A_real_IPv4_header_is_read()
    {
        byte[] packet = [.. Frames.Hex("4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7"), .. new byte[0x73 - 20]];

        Assert.That(IPv4Header.TryParse(packet, out IPv4Header header, out _), Is.True);
        Assert.That(header, Is.EqualTo(new IPv4Header(
            20,
            0x73,
            0,
            0x4000,
            64,
            IPv4Protocol.Udp,
            new IPv4Address(192, 168, 0, 1),
            new IPv4Address(192, 168, 0, 199))));
        Assert.That(header.IsFragment, Is.False);
    }

    [Test]
    public void Every_IPv4_header_survives_writing_and_reading()
    {
        Prop.ForAll<ushort, ushort, uint>((first, second, third) =>
        {
            int options = (first % 11) * 4;
            byte[] packet = new byte[20 + options + (second % 100)];
            var header = new IPv4Header(
                20 + options,
                packet.Length,
                first,
                second,
                (byte)third,
                (IPv4Protocol)(byte)(third >> 8),
                new IPv4Address(third),
                new IPv4Address(~third));
            header.Write(packet);
            return IPv4Header.TryParse(packet, out IPv4Header read, out _) && read == header;
        }).Check(Properties.Many);
    }

    [Test]
    public void Every_ARP_packet_survives_writing_and_reading()
    {
        Prop.ForAll<uint, uint, bool>((sender, target, isReply) =>
        {
            var packet = new ArpPacket(
                isReply ? ArpOperation.Reply : ArpOperation.Request,
                new MacAddress([2, 0, .. Frames.Big(sender)]),
                new IPv4Address(sender),
                new MacAddress([4, 0, .. Frames.Big(target)]),
                new IPv4Address(target));
            byte[] data = new byte[ArpPacket.Length];
            packet.Write(data);
            return ArpPacket.TryParse(data, out ArpPacket read)
                && read == packet
                && data.SequenceEqual(Frames.Arp(
                    (ushort)packet.Operation,
                    packet.SenderHardware,
                    packet.SenderAddress,
                    packet.TargetHardware,
                    packet.TargetAddress));
        }).Check(Properties.Many);
    }

    [Test]
    public void Every_ICMP_message_is_written_as_RFC_792_says()
    {
        Prop.ForAll<ushort, ushort, byte[]>((identifier, sequence, payload) =>
        {
            var header = new IcmpMessage(IcmpType.EchoRequest, 0, identifier, sequence);
            byte[] message = [.. new byte[8], .. payload];
            header.Write(message);
            return message.SequenceEqual(Frames.Icmp(8, 0, identifier, sequence, payload))
                && IcmpMessage.TryParse(message, out IcmpMessage read)
                && read == header;
        }).Check(Properties.Many);
    }

    [Test]
    public void An_echo_request_becomes_its_reply_with_the_right_checksum()
    {
        Prop.ForAll<ushort, ushort, byte[]>((identifier, sequence, payload) =>
        {
            byte[] message = Frames.Icmp(8, 0, identifier, sequence, payload);
            IcmpMessage.TurnIntoReply(message);

            // Zero has two forms in ones' complement; a correct sum is what receivers look at.
            return Frames.Checksum(message) == 0
                && message.AsSpan(4).SequenceEqual(Frames.Icmp(0, 0, identifier, sequence, payload).AsSpan(4));
        }).Check(Properties.Many);
    }

    [Test]
    public void Every_UDP_datagram_is_written_as_RFC_768_says()
    {
        Prop.ForAll<uint, ushort, byte[]>((source, port, data) =>
        {
            var from = new IPv4Address(source);
            var to = new IPv4Address(~source);
            var header = new UdpHeader(port, (ushort)~port, 8 + data.Length);
            byte[] datagram = [.. new byte[8], .. data];
            header.Write(from, to, datagram);
            return datagram.SequenceEqual(Frames.Udp(from, to, port, (ushort)~port, data))
                && UdpHeader.TryParse(datagram, out UdpHeader read)
                && read == header
                && UdpHeader.IsChecksumCorrect(from, to, datagram);
        }).Check(Properties.Many);
    }

    [Test]
    public void A_UDP_checksum_of_zero_is_sent_as_all_ones()
    {
        // The data is chosen so that everything else adds up to 0xFFFF.
        var source = new IPv4Address(10, 0, 2, 15);
        var destination = new IPv4Address(10, 0, 2, 2);
        byte[] datagram = [.. new byte[8], 0, 0];
        new UdpHeader(1000, 2000, 10).Write(source, destination, datagram);
        datagram.AsSpan(6, 2).CopyTo(datagram.AsSpan(8));

        new UdpHeader(1000, 2000, 10).Write(source, destination, datagram);

        Assert.That(Frames.WordAt(datagram, 6), Is.EqualTo(0xFFFF));
        Assert.That(UdpHeader.IsChecksumCorrect(source, destination, datagram), Is.True);
    }

    [Test]
    public void Every_DHCP_message_survives_writing_and_reading()
    {
        Prop.ForAll<uint, uint, bool>((first, second, isReply) =>
        {
            var message = new DhcpMessage
            {
                IsReply = isReply,
                TransactionId = first,
                Seconds = (ushort)second,
                WantsBroadcast = (second & 0x10000) != 0,
                ClientAddress = new IPv4Address(second),
                YourAddress = new IPv4Address(first ^ second),
                ClientHardware = new MacAddress([2, 0, .. Frames.Big(second)]),
                Type = (DhcpMessageType)((first % 8) + 1),
                SubnetMask = new IPv4Address(second % 3 == 0 ? 0 : 0xFFFFFF00),
                Routers = Addresses(first | 1, (int)(second % 4)),
                NameServers = Addresses(second | 1, (int)(first % 4)),
                InterfaceMtu = (ushort)first,
                RequestedAddress = new IPv4Address(first % 3 == 0 ? 0 : second),
                ServerIdentifier = new IPv4Address(first % 5 == 0 ? 0 : second + 1),
                LeaseSeconds = first % 7 == 0 ? null : first,
                RenewalSeconds = first % 11 == 0 ? null : second | 1,
                RebindingSeconds = second % 11 == 0 ? null : first | 1,
            };
            byte[] data = new byte[DhcpMessage.WrittenLength];
            message.Write(data);
            return DhcpMessage.TryParse(data, out DhcpMessage read) && read == message;
        }).Check(Properties.Many);
    }

    [Test]
    public void DHCP_options_continue_in_the_file_and_server_name_fields()
    {
        byte[] data = Dhcp([52, 1, 3]);
        Frames.Hex("0304 0a000202 ff").CopyTo(data, 108);
        Frames.Hex("00 3501 02 ff").CopyTo(data, 44);

        Assert.That(DhcpMessage.TryParse(data, out DhcpMessage message), Is.True);
        Assert.That(message.Routers.First, Is.EqualTo(new IPv4Address(10, 0, 2, 2)));
        Assert.That(message.Type, Is.EqualTo(DhcpMessageType.Offer));
    }

    [Test]
    public void DHCP_options_do_not_continue_where_only_a_continuation_says_so()
    {
        byte[] data = Dhcp([53, 1, 2, 52, 1, 1]);
        Frames.Hex("340102 ff").CopyTo(data, 108);
        Frames.Hex("0304 0a000202 ff").CopyTo(data, 44);

        Assert.That(DhcpMessage.TryParse(data, out DhcpMessage message), Is.True);
        Assert.That(message.Routers.IsEmpty, Is.True);
    }

    [Test]
    public void A_DHCP_option_in_parts_is_joined_across_the_fields()
    {
        byte[] data = Dhcp([53, 1, 2, 52, 1, 3, 3, 3, 10, 0, 2, 3, 0]);
        Frames.Hex("0302 020a ff").CopyTo(data, 108);
        Frames.Hex("0303 000201 ff").CopyTo(data, 44);

        Assert.That(DhcpMessage.TryParse(data, out DhcpMessage message), Is.True);
        Assert.That(
            message.Routers,
            Is.EqualTo(new DhcpAddresses(IPv4Address.Parse("10.0.2.2"), IPv4Address.Parse("10.0.2.1"))));
    }

    [TestCase("350102 0308 0a000202 0a000201", "10.0.2.2", TestName = "The first of several routers counts")]
    [TestCase("350102 0000 0304 0a000202 ff 0304 01010101", "10.0.2.2", TestName = "Nothing counts after the end")]
    [TestCase("350102 e903 010203 0304 0a000202", "10.0.2.2", TestName = "Unknown options are skipped")]
    public void DHCP_options_are_read(string options, string router)
    {
        Assert.That(DhcpMessage.TryParse(Dhcp(Frames.Hex(options)), out DhcpMessage message), Is.True);
        Assert.That(message.Routers.First, Is.EqualTo(IPv4Address.Parse(router)));
    }

    [TestCase("350102 0304 0a0002", "", TestName = "An option longer than the message")]
    [TestCase("350102 03", "", TestName = "An option without a length")]
    [TestCase("350102 0303 0a0002", "", TestName = "A router of three bytes")]
    [TestCase("350102 0300", "", TestName = "A router of no bytes")]
    [TestCase("350102 0305 0a000202 0a", "Routers", TestName = "A router of five bytes")]
    [TestCase("35020202 0304 0a000202", "Routers", TestName = "A type of two bytes")]
    [TestCase("350102 350105 0304 0a000202", "Routers", TestName = "A second type")]
    [TestCase("350102 0108 ffffff00 ffffff00", "SubnetMask", TestName = "A mask of eight bytes")]
    [TestCase("350102 0103 ffffff", "", TestName = "A mask of three bytes")]
    [TestCase("350102 3302 0001", "", TestName = "A lease time of two bytes")]
    [TestCase("350102 3304 00000000", "", TestName = "A lease of no time")]
    [TestCase("350102 3a04 00000000", "", TestName = "A renewal after no time")]
    [TestCase("350102 3601 0a", "", TestName = "A server identifier of one byte")]
    [TestCase("350102 1a01 05", "", TestName = "An MTU of one byte")]
    [TestCase("350102 1a02 05dc", "InterfaceMtu", TestName = "An MTU")]
    [TestCase("350102 340104", "", TestName = "An unknown overload")]
    [TestCase("350102 3400", "", TestName = "An overload of no bytes")]
    [TestCase("350102 34020102", "", TestName = "An overload of two bytes")]
    [TestCase("350102 0f00", "", TestName = "A domain name of no bytes")]
    [TestCase("350102 0f05 ff00ff00ff", "", TestName = "A domain name of any bytes")]
    [TestCase("350102 0000000000", "", TestName = "Padding without an end")]
    [TestCase("350102", "", TestName = "Neither padding nor an end")]
    public void Only_the_usable_options_of_a_DHCP_message_are_taken(string options, string property)
    {
        Assert.That(DhcpMessage.TryParse(Dhcp(Frames.Hex(options)), out DhcpMessage message), Is.True);

        Assert.That(message.Type, Is.EqualTo(DhcpMessageType.Offer));
        Assert.That(message.SubnetMask.IsAny, Is.EqualTo(property != "SubnetMask"));
        Assert.That(message.Routers.IsEmpty, Is.EqualTo(property != "Routers"));
        Assert.That(message.InterfaceMtu == 0, Is.EqualTo(property != "InterfaceMtu"));
        Assert.That((message.LeaseSeconds, message.RenewalSeconds), Is.EqualTo(((uint?)null, (uint?)null)));
        Assert.That(message.ServerIdentifier.IsAny, Is.True);
    }

    [TestCase("", true, TestName = "No options at all")]
    [TestCase("0104ffffff00 0304 0a000202 ff", true, TestName = "Options of BOOTP only")]
    [TestCase("350100", true, TestName = "Type zero")]
    [TestCase("3304 00000e10", false, TestName = "A lease time without a type")]
    [TestCase("3604 0a000202", false, TestName = "A server identifier without a type")]
    [TestCase("0104ffffff00 03ff", false, TestName = "An option past the end where the type should be")]
    public void A_message_without_a_type_is_BOOTP_unless_another_option_is_of_DHCP(string options, bool isBootp)
    {
        Assert.That(DhcpMessage.TryParse(Dhcp(Frames.Hex(options)), out DhcpMessage message), Is.EqualTo(isBootp));
        Assert.That(message.Type, Is.EqualTo(DhcpMessageType.None));
    }

    [Test]
    public void A_message_without_a_cookie_is_BOOTP_and_has_no_options()
    {
        byte[] data = Dhcp(Frames.Hex("350102 0304 0a000202"));
        data.AsSpan(236, 4).Clear();

        Assert.That(DhcpMessage.TryParse(data, out DhcpMessage message), Is.True);
        Assert.That((message.Type, message.Routers.IsEmpty), Is.EqualTo((DhcpMessageType.None, true)));
    }

    [Test]
    public void A_DHCP_message_that_is_too_short_is_refused()
    {
        byte[] data = Dhcp([]);
        for (int length = 0; length < data.Length; length++)
        {
            Assert.That(DhcpMessage.TryParse(data.AsSpan(0, length), out _), Is.False, $"{length} bytes");
        }
    }

    [Test]
    public void Options_before_the_first_damaged_one_are_not_lost()
    {
        byte[] good = Frames.Hex("350105 3604 0a000202 3304 00000e10 0104 ffffff00 0308 0a000202 0a000201");
        Prop.ForAll<byte[]>(damage =>
        {
            byte[] tail = [.. damage.Where(item => item is not (1 or 3 or 51 or 53 or 54))];
            return DhcpMessage.TryParse(Dhcp([.. good, .. tail]), out DhcpMessage message)
                && message.Type == DhcpMessageType.Ack
                && message.LeaseSeconds == 3600
                && message.ServerIdentifier == new IPv4Address(10, 0, 2, 2)
                && message.SubnetMask == new IPv4Address(255, 255, 255, 0)
                && message.Routers.First == new IPv4Address(10, 0, 2, 2);
        }).Check(Properties.Many);
    }

    [TestCase(0, TestName = "DHCP op")]
    [TestCase(239, TestName = "DHCP magic cookie")]
    public void A_DHCP_message_with_another_fixed_field_is_refused(int offset)
    {
        byte[] data = Dhcp(Frames.Hex("350102"));
        Assert.That(DhcpMessage.TryParse(data, out _), Is.True);

        data[offset] = 9;

        Assert.That(DhcpMessage.TryParse(data, out _), Is.False);
    }

    [Test]
    public void Any_bytes_are_parsed_or_refused_without_an_exception()
    {
        Prop.ForAll<byte[]>(data =>
        {
            bool isQuoted = IPv4Header.TryParseQuoted(data, out IPv4Header quoted);
            bool isPacket = IPv4Header.TryParse(data, out IPv4Header header, out _);
            bool isUdp = UdpHeader.TryParse(data, out UdpHeader udp);
            bool isDhcp = DhcpMessage.TryParse(Dhcp(data), out DhcpMessage message);
            return EthernetHeader.TryParse(data, out _) == (data.Length >= EthernetHeader.Length)
                && IcmpMessage.TryParse(data, out _) == (data.Length >= IcmpMessage.HeaderLength)
                && (!ArpPacket.TryParse(data, out _) || data.Length >= ArpPacket.Length)
                && (!isQuoted || quoted.HeaderLength <= data.Length)
                && (!isPacket || (header.HeaderLength <= header.TotalLength && header.TotalLength <= data.Length))
                && (!isUdp || udp.DatagramLength <= data.Length)
                && (!isDhcp || message.Type != 0 || message is { LeaseSeconds: null, ServerIdentifier.IsAny: true });
        }).Check(Properties.Many);
    }

    private static DhcpAddresses Addresses(uint first, int count)
    {
        return new DhcpAddresses(At(0), At(1), At(2));

        IPv4Address At(int index) => index < count ? new IPv4Address(first + ((uint)index * 2)) : default;
    }

    private static byte[] Dhcp(byte[] options)
    {
        byte[] data = [.. new byte[240], .. options];
        data[0] = 2;
        data[1] = 1;
        data[2] = 6;
        Frames.Bytes(s_hardware).CopyTo(data, 28);
        Frames.Hex("63825363").CopyTo(data, 236);
        return data;
    }
}
