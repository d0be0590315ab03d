using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Commands.Network;
using VirtioGuest.Cosmos.Kernel.Network;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Devices.Net;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>A card and the stack over it as the commands see them: status, DHCP and echo.</summary>
public sealed class ShellNetworkTests
{
    private const uint Address = 0x0A00020F;
    private const uint Gateway = 0x0A000202;

    private static readonly byte[] s_payload = [1, 2, 3];

    [Test]
    public void The_state_is_that_of_card_and_stack()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        var stack = new Stack();
        ShellNetwork network = Boot(pc, stack);
        string? without = network.Configuration;
        stack.Configured = new IPv4Settings(Address, 0xFFFFFF00, Gateway, 0x0A000203);
        bool wasUp = network.IsUp;
        model.IsLinkUp = false;
        pc.Run();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(network.Name, Is.EqualTo("net0"));
            Assert.That(network.HardwareAddress, Is.EqualTo("52:54:00:12:34:56"));
            Assert.That(network.Mtu, Is.EqualTo(1500));
            Assert.That(without, Is.Null);
            Assert.That(network.Configuration, Is.EqualTo("10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3"));
            Assert.That(network.Gateway, Is.EqualTo(Gateway));
            Assert.That(wasUp, Is.True);
            Assert.That(network.IsUp, Is.False);
        }
    }

    [TestCase(0xFFFFFFFFu, 0u, 0u, "10.0.2.15/32")]
    [TestCase(0xFF000000u, 0x0A000001u, 0u, "10.0.2.15/8, gateway 10.0.0.1")]
    [TestCase(0u, 0u, 0x08080808u, "10.0.2.15/0, dns 8.8.8.8")]
    public void Settings_leave_out_what_is_not_set(uint mask, uint gateway, uint nameServer, string text) =>
        Assert.That(new IPv4Settings(Address, mask, gateway, nameServer).ToString(), Is.EqualTo(text));

    [Test]
    public void Traffic_is_counted_and_dropped_frames_are_reported()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        ShellNetwork network = Boot(pc, new Stack());
        pc.Card.Send(new byte[60], 0, 60);
        for (int i = 0; i < 70; i++)
        {
            model.Receive(new byte[100]);
            pc.Run();
        }

        NetworkTraffic traffic = network.GetTraffic();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(traffic.FramesSent, Is.EqualTo(1));
            Assert.That(traffic.BytesSent, Is.EqualTo(60));
            Assert.That(traffic.FramesReceived, Is.EqualTo(70));
            Assert.That(traffic.BytesReceived, Is.EqualTo(7000));
            Assert.That(traffic.Dropped, Is.EqualTo(6));
        }
    }

    [Test]
    public void A_lease_is_shown_as_text()
    {
        using Pc pc = new();
        pc.AddCard();
        var stack = new Stack { Offered = new IPv4Settings(Address, 0xFFFFFF00, Gateway, 0) };
        Failure? failure = Boot(pc, stack).Dhcp(out string lease);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure, Is.Null);
            Assert.That(lease, Is.EqualTo("10.0.2.15/24, gateway 10.0.2.2"));
        }
    }

    [TestCase("nobody is there", "nobody is there")]
    [TestCase(null, "no DHCP server offered an address")]
    public void Without_an_address_DHCP_fails_whatever_the_stack_says(string? said, string told)
    {
        using Pc pc = new();
        pc.AddCard();
        Failure? failure = Boot(pc, new Stack { Failure = said }).Dhcp(out string lease);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(failure?.ToString(), Is.EqualTo(
                told + " (frames received 0, bytes received 0, buffers too short 0, frames sent 0, bytes sent 0, "
                + "transmit queue full 0, frames nobody took 0)"));
            Assert.That(lease, Is.Empty);
        }
    }

    [Test]
    public void A_failed_DHCP_reports_the_counters_of_the_card()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        ShellNetwork network = Boot(pc, new Stack { Failure = "nobody is there" });
        pc.Card.Send(new byte[60], 0, 60);
        model.Receive(new byte[100]);
        pc.Run();

        Assert.That(
            network.Dhcp(out _)?.ToString(),
            Does.Contain("frames received 1, bytes received 100, ").And.Contain("frames sent 1, bytes sent 60, "));
    }

    [Test]
    public void A_reply_is_reported_with_its_time_and_listening_ends()
    {
        using Pc pc = new();
        pc.AddCard();
        var stack = new Stack { Configured = new IPv4Settings(Address, 0xFFFFFF00, Gateway, 0) };
        ShellNetwork network = Boot(pc, stack);
        stack.WhenSent = message =>
        {
            pc.Platform.Pass(ModelPlatform.TicksPerSecond / 100);
            stack.Kept.Enqueue(new byte[60]);
            stack.Kept.Enqueue(Reply(message));
        };

        PingResult outcome = network.Ping(Gateway, 3, 1000, s_payload);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Status, Is.EqualTo(PingStatus.Replied));
            Assert.That(outcome.From, Is.EqualTo(Gateway));
            Assert.That(outcome.RoundTripNanoseconds, Is.InRange(9_900_000, 12_000_000));
            Assert.That(stack.Log, Is.EqualTo(new[] { "listen A000202", "send A00020F A000202", "stop" }));
        }
    }

    [Test]
    public void Without_a_reply_the_ping_times_out_and_listening_ends()
    {
        using Pc pc = new();
        pc.AddCard();
        var stack = new Stack { Configured = new IPv4Settings(Address, 0xFFFFFF00, Gateway, 0) };
        ShellNetwork network = Boot(pc, stack);
        pc.Platform.WaitTicks = ModelPlatform.TicksPerSecond / 1000;
        ulong before = pc.Machine.Clock.Nanoseconds;

        PingResult outcome = network.Ping(Gateway, 3, 1000, s_payload);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.Status, Is.EqualTo(PingStatus.TimedOut));
            Assert.That(pc.Machine.Clock.Nanoseconds - before, Is.InRange(1_000_000_000, 1_100_000_000));
            Assert.That(stack.Log[^1], Is.EqualTo("stop"));
        }
    }

    [Test]
    public void What_cannot_be_sent_is_reported_and_not_sent()
    {
        using Pc pc = new();
        NetDevice model = pc.AddCard();
        var stack = new Stack();
        ShellNetwork network = Boot(pc, stack);
        PingResult withoutAddress = network.Ping(Gateway, 1, 1000, s_payload);
        stack.Configured = new IPv4Settings(Address, 0xFFFFFF00, Gateway, 0);
        PingResult tooLarge = network.Ping(Gateway, 1, 1000, new byte[1473]);
        model.IsLinkUp = false;
        pc.Run();
        PingResult linkDown = network.Ping(Gateway, 1, 1000, s_payload);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(withoutAddress.Status, Is.EqualTo(PingStatus.CannotSend));
            Assert.That(withoutAddress.Failure?.ToString(), Is.EqualTo("no address configured"));
            Assert.That(tooLarge.Failure?.ToString(), Is.EqualTo("the payload is larger than the link carries"));
            Assert.That(linkDown.Failure?.ToString(), Is.EqualTo("the link is down"));
            Assert.That(network.Dhcp(out _)?.ToString(), Is.EqualTo("the link is down"));
            Assert.That(stack.Log, Is.Empty);
        }
    }

    private static ShellNetwork Boot(Pc pc, Stack stack)
    {
        pc.Boot();
        return new ShellNetwork(pc.Card, stack, pc.Machine.Clock);
    }

    private static byte[] Reply(byte[] request)
    {
        byte[] frame = new byte[34 + request.Length];
        frame[14] = 0x45;
        frame[17] = (byte)(20 + request.Length);
        request.CopyTo(frame, 34);
        frame[34] = 0;
        int sum = ((frame[36] << 8) | frame[37]) + 0x0800;
        sum = (sum & 0xFFFF) + (sum >> 16);
        frame[36] = (byte)(sum >> 8);
        frame[37] = (byte)sum;
        return frame;
    }

    private sealed class Stack : IPv4Stack
    {
        public IPv4Settings? Configured { get; set; }

        public IPv4Settings? Offered { get; set; }

        public string? Failure { get; set; }

        public Action<byte[]> WhenSent { get; set; } = _ => { };

        public Queue<byte[]> Kept { get; } = [];

        public List<string> Log { get; } = [];

        public override IPv4Settings? Settings => Configured;

        public override Failure? RunDhcp()
        {
            Configured = Offered;
            return Failure is null ? null : new Failure(Failure, isSentence: true);
        }

        public override void Listen(uint from) => Log.Add($"listen {from:X}");

        public override byte[]? Take() => Kept.TryDequeue(out byte[]? frame) ? frame : null;

        public override void StopListening() => Log.Add("stop");

        public override void Send(uint source, uint destination, byte[] message)
        {
            Log.Add($"send {source:X} {destination:X}");
            WhenSent(message);
        }
    }
}
