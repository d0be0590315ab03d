using System;
using NUnit.Framework;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Network;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Commands.SelfTest.Cases;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class SelfTestTests
{
    private const uint Gateway = 0x0A000202;

    [Test]
    public void Self_tests_are_reported_as_TAP()
    {
        var bench = new CommandBench(selfTests:
        [
            new FixedTest("first", SelfTestResult.Passed),
            new FixedTest("second # of three", SelfTestResult.Failed("it's broken")),
            new FixedTest("third", SelfTestResult.Skipped("no disk")),
        ]);

        Assert.That(bench.Run("selftest").Split('\n'), Is.EqualTo(new[]
        {
            "TAP version 14",
            "1..3",
            "ok 1 - first",
            "not ok 2 - second \\# of three",
            "  ---",
            "  message: 'it''s broken'",
            "  ...",
            "ok 3 - third # SKIP no disk",
            "error: 1 of 3 self-tests failed",
        }));
    }

    [TestCase(1)]
    [TestCase(300)]
    [TestCase(1000)]
    public void Disk_tests_pass_and_restore_the_disk(int sectors)
    {
        var disk = new FakeSectorDevice(sectors);
        new Random(5).NextBytes(disk.Content);
        byte[] before = (byte[])disk.Content.Clone();

        foreach (SelfTestCase test in DiskTests(disk))
        {
            Check(test, SelfTestOutcome.Passed, "");
        }

        Assert.That(disk.Content, Is.EqualTo(before));
        Assert.That(disk.Writes, Is.EqualTo(2));
        Assert.That(disk.Flushes, Is.EqualTo(1));
    }

    [Test]
    public void Disk_tests_pass_on_a_disk_that_takes_whole_blocks_only(
        [Values(1024u, 4096u, 65536u, 1u << 20)] uint block, [Values(2048, 2049, 5003)] int sectors)
    {
        var disk = new FakeSectorDevice(sectors) { Block = block };
        new Random(5).NextBytes(disk.Content);
        byte[] before = (byte[])disk.Content.Clone();

        foreach (SelfTestCase test in DiskTests(disk))
        {
            Check(test, SelfTestOutcome.Passed, "");
        }

        Assert.That(disk.Content, Is.EqualTo(before));
        Assert.That(disk.Read(1, new byte[512])?.ToString(), Does.EndWith($"not for whole blocks of {block} bytes"));
    }

    [TestCase(7, 4096u)]
    [TestCase(100, 1u << 31)]
    public void Disk_tests_are_skipped_where_no_block_can_be_read(int sectors, uint block)
    {
        var disk = new FakeSectorDevice(sectors) { Block = block };
        const string Reason = "the disk has no whole block of a size that fits into memory";
        Check(new DiskReadTest(disk), SelfTestOutcome.Skipped, Reason);
        Check(new DiskWriteTest(disk, new FakeClock()), SelfTestOutcome.Skipped, Reason);
        Assert.That(disk.Reads + disk.Writes, Is.Zero);
    }

    [Test]
    public void Disk_tests_have_nothing_to_do_on_an_empty_disk()
    {
        var disk = new FakeSectorDevice(0);
        Check(new DiskReadTest(disk), SelfTestOutcome.Skipped, "the disk has no sectors");
        Check(new DiskBoundsTest(disk), SelfTestOutcome.Passed, "");
        Check(new DiskWriteTest(disk, new FakeClock()), SelfTestOutcome.Skipped, "the disk has no sectors");
    }

    [Test]
    public void Disk_write_test_spares_a_read_only_disk()
    {
        var disk = new FakeSectorDevice(8) { RefusesWrites = true };
        Check(new DiskWriteTest(disk, new FakeClock()), SelfTestOutcome.Skipped, "the disk is read-only");
        Assert.That(disk.Writes, Is.Zero);
    }

    [TestCase(3UL, "600 sectors starting at 0: the device is in trouble")]
    [TestCase(900UL, "600 sectors starting at 400: the device is in trouble")]
    public void Disk_read_test_finds_an_unreadable_sector_at_either_end(ulong sector, string reason) =>
        Check(
            new DiskReadTest(new FakeSectorDevice(1000) { UnreadableSector = sector }), SelfTestOutcome.Failed, reason);

    [Test]
    public void Disk_read_test_finds_a_second_reading_that_differs() =>
        Check(
            new DisagreeingReadTest(new FakeSectorDevice(8)),
            SelfTestOutcome.Failed,
            "8 sectors starting at 0 differ when they are read again");

    [Test]
    public void Disk_bounds_test_requires_the_refusal_to_be_about_the_range() =>
        Check(
            new DiskBoundsTest(new BrokenDevice()),
            SelfTestOutcome.Failed,
            "the sector after the last was not refused");

    [Test]
    public void Disk_write_test_writes_nothing_that_it_could_not_restore()
    {
        var disk = new FakeSectorDevice(8) { UnreadableSector = 3 };
        Check(
            new DiskWriteTest(disk, new FakeClock()),
            SelfTestOutcome.Failed,
            "the sectors could not be saved: the device is in trouble");
        Assert.That(disk.Writes, Is.Zero);
    }

    [Test]
    public void Disk_write_test_reports_writes_that_fail()
    {
        var clock = new FakeClock();
        Check(
            new DiskWriteTest(new FakeSectorDevice(8) { WritesLeft = 0 }, clock),
            SelfTestOutcome.Failed,
            "8 sectors starting at 0 could not be restored: the device is in trouble");
        Check(
            new DiskWriteTest(new FakeSectorDevice(8) { WritesLeft = 1 }, clock),
            SelfTestOutcome.Failed,
            "8 sectors starting at 0 could not be restored: the device is in trouble");
        Check(
            new DiskWriteTest(new FakeSectorDevice(8) { ForgetsWrites = true }, clock),
            SelfTestOutcome.Failed,
            "sector 0 was not read as it was written");
    }

    [Test]
    public void Disk_flush_test_reports_a_flush_that_fails() =>
        Check(
            new DiskFlushTest(new FakeSectorDevice(8) { RefusesFlushes = true }),
            SelfTestOutcome.Failed,
            "the device is in trouble");

    [Test]
    public void Dhcp_test_passes_once_and_then_has_nothing_to_do()
    {
        var network = new FakeNetwork { IsDown = true };
        var test = new NetworkDhcpTest(network);
        Check(test, SelfTestOutcome.Skipped, "the link is down");
        network.IsDown = false;
        network.DhcpFailure = "nobody there";
        Check(test, SelfTestOutcome.Skipped, "nobody there");
        network.SendsNothing = true;
        Check(test, SelfTestOutcome.Failed, "nobody there");
        network.DhcpFailure = null;
        Check(test, SelfTestOutcome.Passed, "");
        Check(test, SelfTestOutcome.Skipped, "there is an address already");
    }

    [Test]
    public void Ping_test_sends_small_and_large_ones_to_the_gateway()
    {
        var network = new FakeNetwork();
        var test = new NetworkPingTest(network);
        network.IsDown = true;
        Check(test, SelfTestOutcome.Skipped, "the link is down");
        network.IsDown = false;
        Check(test, SelfTestOutcome.Skipped, "there is no address");
        network.Dhcp(out _);
        Check(test, SelfTestOutcome.Skipped, "there is no gateway");
        network.GatewayAddress = Gateway;
        Check(test, SelfTestOutcome.Passed, "");
        Assert.That(network.Pings, Is.EqualTo(new[]
        {
            "10.0.2.2 1 5000 56", "10.0.2.2 2 5000 0", "10.0.2.2 3 5000 1", "10.0.2.2 4 5000 511",
            "10.0.2.2 5 5000 1472",
        }));
    }

    [TestCase("rr", SelfTestOutcome.Passed, "", TestName = "Every ping is answered")]
    [TestCase("ttt", SelfTestOutcome.Skipped, "10.0.2.2 does not answer pings: no reply")]
    [TestCase("fff", SelfTestOutcome.Skipped, "10.0.2.2 does not answer pings: cut off")]
    [TestCase("ttr", SelfTestOutcome.Passed, "", TestName = "Two pings are lost")]
    [TestCase("rttt", SelfTestOutcome.Failed, "10.0.2.2, 0 bytes: no reply")]
    [TestCase("rrttt", SelfTestOutcome.Failed, "10.0.2.2, 1 byte: no reply")]
    [TestCase("rrrrttt", SelfTestOutcome.Failed, "10.0.2.2, 1472 bytes: no reply")]
    [TestCase("rrrrttr", SelfTestOutcome.Passed, "", TestName = "Two large pings are lost")]
    public void Ping_test_fails_where_a_gateway_that_answers_some_does_not_answer_others(
        string outcomes, SelfTestOutcome outcome, string reason) =>
        Check(new NetworkPingTest(Pinged(1500, outcomes)), outcome, reason);

    [TestCase("rrrrrr", SelfTestOutcome.Passed, "", TestName = "A network that carries as much as the link")]
    [TestCase("rrrrrttt", SelfTestOutcome.Skipped, "the network carries 1500 bytes but not the link's 9000 bytes")]
    [TestCase("rrrrttt", SelfTestOutcome.Failed, "10.0.2.2, 1472 bytes: no reply", TestName = "Not even 1500 bytes")]
    public void Ping_test_does_not_require_more_than_the_usual_MTU_of_a_network(
        string outcomes, SelfTestOutcome outcome, string reason) =>
        Check(new NetworkPingTest(Pinged(9000, outcomes)), outcome, reason);

    private static FakeNetwork Pinged(int mtu, string outcomes)
    {
        var network = new FakeNetwork { LinkMtu = mtu, GatewayAddress = Gateway };
        network.Dhcp(out _);
        foreach (char outcome in outcomes)
        {
            network.Outcomes.Enqueue(outcome switch
            {
                'r' => PingResult.Replied(Gateway, 1),
                't' => PingResult.Unanswered(PingStatus.TimedOut, "no reply"),
                _ => PingResult.Unanswered(PingStatus.NotSent, "cut off"),
            });
        }

        return network;
    }

    [TestCase(1, 1UL, SelfTestOutcome.Passed, "")]
    [TestCase(0, 1UL, SelfTestOutcome.Passed, "")]
    [TestCase(-1, 1UL, SelfTestOutcome.Failed, "the clock went back by 1 ns")]
    [TestCase(0, 0UL, SelfTestOutcome.Failed, "a sleep of 50000000 ns took 0 ns")]
    [TestCase(0, 101UL, SelfTestOutcome.Failed, "a sleep of 50000000 ns took 5050000000 ns")]
    public void Clock_test_requires_time_to_move_forward(int step, ulong speed, SelfTestOutcome outcome, string reason)
    {
        var clock = new FakeClock { Step = step, Speed = speed };
        Check(new ClockTest(clock, new FakeCommandSystem(clock)), outcome, reason);
    }

    [Test]
    public void Clock_test_forgives_a_machine_that_was_stopped_for_a_while()
    {
        var clock = new FakeClock();
        clock.NextSpeeds.Enqueue(1000);
        clock.NextSpeeds.Enqueue(1000);
        Check(new ClockTest(clock, new FakeCommandSystem(clock)), SelfTestOutcome.Passed, "");
    }

    [Test]
    public void Arithmetic_test_passes_here() => Check(new ArithmeticTest(), SelfTestOutcome.Passed, "");

    private static SelfTestCase[] DiskTests(FakeSectorDevice disk) =>
    [
        new DiskReadTest(disk), new DiskBoundsTest(disk), new DiskWriteTest(disk, new FakeClock()),
        new DiskFlushTest(disk),
    ];

    private static void Check(SelfTestCase test, SelfTestOutcome outcome, string reason)
    {
        SelfTestResult result = test.Run();
        Assert.That((result.Outcome, result.Reason), Is.EqualTo((outcome, reason)), test.Name);
    }

    private sealed class FixedTest(string name, SelfTestResult result) : SelfTestCase(name)
    {
        public override SelfTestResult Run() => result;
    }

    /// <summary>Reads nothing the second time.</summary>
    private sealed class DisagreeingReadTest(SectorDevice disk) : DiskReadTest(disk, "two ways to read agree")
    {
        protected override Failure? ReadAgain(ulong firstSector, byte[] destination)
        {
            destination[^1] = 1;
            return null;
        }
    }

    /// <summary>Fails for another reason than the range.</summary>
    private sealed class BrokenDevice() : SectorDevice("disk0")
    {
        public override ulong SectorCount => 8;

        public override bool IsReadOnly => false;

        public override bool IsUsable => false;

        public override Failure? Read(ulong firstSector, byte[] destination) => new("out of use");

        public override Failure? Write(ulong firstSector, byte[] source) => new("out of use");

        public override Failure? Flush() => new("out of use");
    }
}
