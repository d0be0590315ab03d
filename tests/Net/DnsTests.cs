using System;
using System.Collections.Generic;
using System.Linq;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tests;

public sealed class DnsTests
{
    private static readonly IPv4Address s_server = new(10, 0, 2, 77);
    private static readonly IPv4Address s_found = new(192, 0, 2, 1);

    [Test]
    public void A_question_is_asked_as_RFC_1035_says_and_its_answer_found()
    {
        using var dns = new Server(question => Answer(question, [Address(Pointer(12), s_found)]));

        DnsResult result = dns.Resolve("www.example.com");

        Assert.That(result.Status, Is.EqualTo(DnsStatus.Found));
        Assert.That(result.Addresses, Is.EqualTo(new[] { s_found }));
        Assert.That($"{result}", Is.EqualTo("192.0.2.1"));
        byte[] question = dns.Questions.Single();
        Assert.That(question[2..12], Is.EqualTo(Frames.Hex("0100 0001 0000 0000 0000")));
        Assert.That(question[12..], Is.EqualTo((byte[])[.. Labels("www.example.com"), 0, 1, 0, 1]));
    }

    [Test]
    public void Aliases_are_followed_in_any_order_and_unrelated_records_passed_over()
    {
        using var dns = new Server(question => Answer(
            question,
            [
                Address(Labels("c.example"), s_found),
                Record(Labels("b.example"), 5, Labels("C.EXAMPLE")),
                Record(Pointer(12), 46, [1, 2, 3]),
                Address(Labels("other.example"), new IPv4Address(6, 6, 6, 6)),
                Record(Pointer(12), 5, Labels("b.example")),
                Address(Labels("c.example"), new IPv4Address(192, 0, 2, 2)),
            ]));

        DnsResult result = dns.Resolve("a.example.");

        Assert.That(result.Addresses, Is.EqualTo(new[] { s_found, new IPv4Address(192, 0, 2, 2) }));
    }

    [TestCase(3, DnsStatus.NoSuchName)]
    [TestCase(2, DnsStatus.ServerFailure)]
    [TestCase(5, DnsStatus.ServerFailure)]
    [TestCase(0, DnsStatus.NoAddress)]
    public void What_the_server_says_is_told(byte code, DnsStatus expected)
    {
        using var dns = new Server(question => Answer(question, [], code));

        Assert.That(dns.Resolve("www.example.com").Status, Is.EqualTo(expected));
        Assert.That(dns.Questions, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_silent_server_is_asked_four_times_with_other_numbers_from_other_ports()
    {
        using var dns = new Server(_ => null);
        TimeSpan start = dns.Network.Clock.Now;

        Assert.That(dns.Resolve("www.example.com").Status, Is.EqualTo(DnsStatus.NoAnswer));

        Assert.That(dns.Network.Clock.Now - start, Is.EqualTo(TimeSpan.FromSeconds(15)));
        Assert.That(dns.Questions.Select(question => Frames.WordAt(question, 0)), Is.Unique);
        Assert.That(dns.Ports, Is.Unique.And.Count.EqualTo(4));
    }

    [Test]
    public void A_lost_answer_costs_a_second()
    {
        int asked = 0;
        using var dns = new Server(
            question => asked++ == 0 ? null : Answer(question, [Address(Pointer(12), s_found)]));

        Assert.That(dns.Resolve("www.example.com").Status, Is.EqualTo(DnsStatus.Found));
    }

    [Test]
    public void Forged_answers_are_passed_over()
    {
        using var dns = new Server(_ => null);
        dns.Others = question =>
        {
            byte[] forged = Answer(question, [Address(Pointer(12), new IPv4Address(6, 6, 6, 6))]);
            byte[] wrongNumber = [.. forged];
            wrongNumber[0] ^= 1;
            byte[] wrongName = [.. forged];
            wrongName[13] ^= 1;
            byte[] isQuestion = [.. forged];
            isQuestion[2] = 1;
            return [wrongNumber, wrongName, isQuestion];
        };

        Assert.That(dns.Resolve("www.example.com").Status, Is.EqualTo(DnsStatus.NoAnswer));
    }

    [TestCase("")]
    [TestCase(".")]
    [TestCase("a..b")]
    [TestCase("a b")]
    [TestCase("b\u00FCcher.example")]
    public void What_cannot_be_a_name_is_not_asked_for(string name)
    {
        using var dns = new Server(_ => null);

        Assert.That(dns.Resolve(name).Status, Is.EqualTo(DnsStatus.NotAName));
        Assert.That(dns.Questions, Is.Empty);
    }

    [Test]
    public void Names_have_their_limits()
    {
        byte[] labels = new byte[255];
        string longest = string.Join('.', Enumerable.Repeat(new string('a', 62), 4));

        Assert.That(DnsMessage.WriteName(new string('a', 63), labels), Is.EqualTo(65));
        Assert.That(DnsMessage.WriteName(new string('a', 64), labels), Is.Zero);
        Assert.That(DnsMessage.WriteName(longest, labels), Is.EqualTo(253));
        Assert.That(DnsMessage.WriteName(longest + ".b", labels), Is.EqualTo(255));
        Assert.That(DnsMessage.WriteName(longest + ".bc", labels), Is.Zero);
    }

    [Test]
    public void An_address_needs_no_server_and_a_name_does()
    {
        var resolver = new DnsResolver(Network.WithAddress().Stack);

        Assert.That(resolver.Resolve("192.0.2.1").Addresses, Is.EqualTo(new[] { s_found }));
        Assert.That(resolver.Resolve("www.example.com").Status, Is.EqualTo(DnsStatus.NoServer));
    }

    [Test]
    public void Any_answer_does_no_harm()
    {
        byte[] question = [0, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, .. Labels("www.example.com"), 0, 1, 0, 1];
        byte[] good = Answer(
            question,
            [Record(Pointer(12), 5, Labels("b.example")), Address(Labels("b.example"), s_found)]);
        Gen<byte[]> answers =
            from changes in Gen.Choose(0, good.Length - 1).Zip(Gen.Choose(0, 255)).ArrayOf()
            from length in Gen.Choose(0, good.Length)
            from isCut in Gen.Choose(0, 3)
            select Changed(good, changes, isCut == 0 ? length : good.Length);
        Prop.ForAll(answers.ToArbitrary(), answer =>
        {
            var addresses = new IPv4Address[4];
            DnsMessage.ReadAnswer(answer, 7, Labels("www.example.com"), addresses, out int count);
            return count is >= 0 and <= 4;
        }).Check(Properties.Many.WithMaxTest(5000));
    }

    [Test]
    public void Every_status_has_a_text_of_its_own()
    {
        string[] texts =
        [
            .. Enum.GetValues<DnsStatus>().Where(status => status != DnsStatus.Found)
                .Select(status => new DnsResult(status).ToString()),
        ];

        Assert.That(texts, Is.Unique.And.None.EqualTo("unknown result"));
    }

    private static byte[] Changed(byte[] message, (int Offset, int Value)[] changes, int length)
    {
        byte[] changed = [.. message];
        foreach ((int offset, int value) in changes.Take(6))
        {
            changed[offset] = (byte)value;
        }

        return changed[..length];
    }

    private static byte[] Labels(string name) =>
        [.. name.Split('.').SelectMany(label => (byte[])[(byte)label.Length, .. Encoding.ASCII.GetBytes(label)]), 0];

    private static byte[] Pointer(byte offset) => [0xC0, offset];

    private static byte[] Record(byte[] owner, byte type, byte[] data) =>
        [.. owner, 0, type, 0, 1, 0, 0, 0, 60, .. Frames.Big((ushort)data.Length), .. data];

    private static byte[] Address(byte[] owner, IPv4Address address) => Record(owner, 1, Frames.Bytes(address));

    private static byte[] Answer(byte[] question, byte[][] records, byte code = 0)
    {
        byte[] header = [.. question[..2], 0x81, (byte)(0x80 | code), 0, 1, 0, (byte)records.Length, 0, 0, 0, 0];
        return [.. header, .. question[12..], .. records.SelectMany(record => record)];
    }

    /// <summary>A name server on the link, and a resolver that asks it.</summary>
    private sealed class Server : IDisposable
    {
        private readonly Func<byte[], byte[]?> _answer;

        public Server(Func<byte[], byte[]?> answer)
        {
            _answer = answer;
            Network = new Network();
            Network.Stack.TrySetStatic(Network.OwnAddress, 24, Router.Address, s_server);
            Network.IntroduceNeighbour();
            Network.Link.Peer = OnFrame;
        }

        /// <summary>What else is sent, before the answer.</summary>
        public Func<byte[], byte[][]> Others { get; set; } = _ => [];

        public Network Network { get; }

        public List<byte[]> Questions { get; } = [];

        public List<ushort> Ports { get; } = [];

        public DnsResult Resolve(string name) => new DnsResolver(Network.Stack).Resolve(name);

        public void Dispose() => Network.Link.Peer = null;

        private void OnFrame(byte[] frame)
        {
            if (frame[23] != 17 || Frames.WordAt(frame, 36) != 53)
            {
                return;
            }

            byte[] question = frame[42..(14 + Frames.WordAt(frame, 16))];
            Questions.Add(question);
            Ports.Add(Frames.WordAt(frame, 34));
            byte[]? own = _answer(question);
            byte[][] answers = own is null ? Others(question) : [.. Others(question), own];
            foreach (byte[] answer in answers)
            {
                byte[] datagram = Frames.Udp(s_server, Network.OwnAddress, 53, Frames.WordAt(frame, 34), answer);
                Network.Clock.Schedule(
                    TimeSpan.FromMilliseconds(5),
                    () => Network.ReceivePacket(Frames.IPv4(s_server, Network.OwnAddress, 17, datagram)));
            }
        }
    }
}
