using System;
using System.Linq;
using FsCheck;
using FsCheck.Fluent;
using NUnit.Framework;
using VirtioGuest.Net.Tests.Simulation;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Tests;

/// <summary>DHCP servers that leave things out, get them wrong or compete, but can be used all the same.</summary>
public sealed class OddDhcpServerTests
{
    private const string Expected = "10.0.2.15/24, gateway 10.0.2.2, dns 10.0.2.3";

    private static readonly TimeSpan s_timeout = TimeSpan.FromSeconds(15);
    private static readonly IPv4Address s_second = new(10, 0, 2, 9);

    [Test]
    public void A_server_without_an_identifier_is_known_by_its_source_address()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer => DhcpServer.Without(answer, 54);

        DhcpResult result = network.Stack.Dhcp(s_timeout);

        Assert.That(result.ToString(), Is.EqualTo($"{Expected}, lease 86400 s"));
        Assert.That(result.Lease!.Server, Is.EqualTo(Router.Address));
        Assert.That(
            DhcpServer.Option(network.Router.Dhcp.Messages[1], 54), Is.EqualTo(Frames.Bytes(Router.Address)));
    }

    [TestCase("e0000001", TestName = "A multicast address as the server identifier")]
    [TestCase("00000000", TestName = "No address as the server identifier")]
    [TestCase("ffffffff", TestName = "A broadcast address as the server identifier")]
    public void A_server_with_an_impossible_identifier_is_known_by_its_source_address(string identifier)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer =>
        {
            Frames.Hex(identifier).CopyTo(answer, 245);
            return answer;
        };

        Assert.That(network.Stack.Dhcp(s_timeout).Lease!.Server, Is.EqualTo(Router.Address));
    }

    [Test]
    public void A_server_may_identify_itself_in_only_one_of_its_messages([Values(2, 5)] int type)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer => answer[242] == type ? DhcpServer.Without(answer, 54) : answer;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Bound));
    }

    [Test]
    public void A_server_may_answer_from_any_port()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Port = 40_000;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Bound));
    }

    [TestCase(1, 6, TestName = "Another hardware type")]
    [TestCase(2, 16, TestName = "Another hardware address length")]
    [TestCase(3, 4, TestName = "A number of hops")]
    [TestCase(34, 0xEE, TestName = "Something after the hardware address")]
    [TestCase(20, 10, TestName = "A next server")]
    [TestCase(44, 0x41, TestName = "A server name")]
    [TestCase(108, 0x41, TestName = "A boot file")]
    [TestCase(10, 0x80, TestName = "The broadcast flag")]
    [TestCase(12, 10, TestName = "A client address")]
    public void Fields_that_a_client_does_not_need_may_hold_anything(int offset, byte value)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer =>
        {
            answer[offset] = value;
            return answer;
        };

        Assert.That(network.Stack.Dhcp(s_timeout).ToString(), Does.StartWith(Expected));
    }

    [TestCase("", TestName = "A lease time that is missing")]
    [TestCase("330400000000", TestName = "A lease time of zero")]
    [TestCase("33020e10", TestName = "A lease time of two bytes")]
    public void A_lease_without_a_time_lasts_an_hour_and_is_renewed(string option)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer => [.. DhcpServer.Without(answer, 51)[..^1], .. Frames.Hex(option), 255];

        Assert.That(network.Stack.Dhcp(s_timeout).ToString(), Is.EqualTo($"{Expected}, lease 3600 s"));

        network.Clock.Advance(TimeSpan.FromSeconds(1801));
        network.Stack.RunTimers();
        network.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 3 }));
    }

    [Test]
    public void What_a_grant_leaves_out_is_taken_from_the_offer_and_kept_when_it_is_renewed()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Router.Dhcp.Alter = answer => answer[242] == 5 ? [.. answer[..243], 255] : answer;

        Assert.That(network.Stack.Dhcp(s_timeout).ToString(), Is.EqualTo($"{Expected}, lease 7200 s"));
        IPv4Configuration? before = network.Stack.Configuration;

        network.Clock.Advance(TimeSpan.FromSeconds(3601));
        network.Stack.RunTimers();
        network.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 3 }));
        Assert.That(network.Stack.Configuration, Is.SameAs(before));
        Assert.That(network.Stack.RunTimers(), Is.InRange(TimeSpan.FromMinutes(59), TimeSpan.FromHours(1)));
    }

    [Test]
    public void A_grant_counts_even_if_the_address_is_not_the_one_offered()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Broadcasts = true;
        network.Router.Dhcp.Alter = answer =>
        {
            answer[19] += (byte)(answer[242] == 5 ? 1 : 0);
            return answer;
        };

        Assert.That(network.Stack.Dhcp(s_timeout).ToString(), Does.StartWith("10.0.2.16/24"));
    }

    [Test]
    public void A_server_that_names_the_address_only_in_ciaddr_renews_it()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 7200;
        network.Stack.Dhcp(s_timeout);
        DhcpLease? before = network.Stack.Lease;
        network.Router.Dhcp.Alter = answer =>
        {
            answer.AsSpan(16, 4).Clear();
            return answer;
        };

        network.Clock.Advance(TimeSpan.FromSeconds(3601));
        network.Stack.RunTimers();
        network.Clock.Advance(TimeSpan.FromSeconds(1));

        Assert.That(network.Stack.Lease, Is.Not.SameAs(before));
        Assert.That(network.Stack.Configuration!.Address, Is.EqualTo(Network.OwnAddress));
    }

    [Test]
    public void A_BOOTP_server_grants_at_once_and_for_ever([Values] bool hasCookie)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = answer =>
        {
            byte[] reply = [.. answer[..240], .. hasCookie ? network.Router.Dhcp.Options : [], .. new byte[42]];
            reply.AsSpan(236, hasCookie ? 0 : 4).Clear();
            return reply;
        };

        DhcpResult result = network.Stack.Dhcp(s_timeout);

        Assert.That(result.ToString(), Is.EqualTo((hasCookie ? Expected : "10.0.2.15/8") + ", unlimited lease"));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1 }));
    }

    [Test]
    public void A_server_that_can_only_broadcast_is_asked_to()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Broadcasts = true;
        network.Router.Dhcp.Alter = answer =>
        {
            bool isAskedTo = network.Router.Dhcp.Messages[^1][10] == 0x80;
            return isAskedTo ? answer : [];
        };

        Assert.That(network.Stack.Dhcp(TimeSpan.FromSeconds(15)).Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 1, 3 }));
    }

    [Test]
    public void A_refusal_may_lack_a_server_identifier()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Refusals = 1;
        network.Router.Dhcp.Alter = answer => answer[242] == 6 ? DhcpServer.Without(answer, 54) : answer;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 1, 3 }));
    }

    [Test]
    public void A_refusal_by_a_server_that_was_not_asked_is_ignored([Values] bool isSigned)
    {
        Network network = Network.WithDhcpServer();
        network.Router.SecondDhcp = new DhcpServer(network.Router, s_second)
        {
            LostDiscovers = int.MaxValue,
            Refusals = int.MaxValue,
            Alter = answer => isSigned ? answer : DhcpServer.Without(answer, 54),
        };
        network.Router.Dhcp.Delay = TimeSpan.FromSeconds(1);

        Assert.That(network.Stack.Dhcp(s_timeout).Lease!.Server, Is.EqualTo(Router.Address));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3 }));
    }

    [Test]
    public void Of_several_servers_the_first_is_taken()
    {
        Network network = Network.WithDhcpServer();
        network.Router.SecondDhcp = new DhcpServer(network.Router, s_second) { Delay = TimeSpan.FromSeconds(0.1) };

        Assert.That(network.Stack.Dhcp(s_timeout).Lease!.Server, Is.EqualTo(Router.Address));
    }

    [TestCase("00000000", TestName = "The first server offers nothing that can be used")]
    [TestCase("0a000202", TestName = "The first server offers its own address")]
    public void Of_several_servers_the_first_with_something_usable_is_taken(string address)
    {
        Network network = Network.WithDhcpServer();
        network.Router.SecondDhcp = new DhcpServer(network.Router, s_second) { Delay = TimeSpan.FromSeconds(0.1) };
        network.Router.Dhcp.Broadcasts = true;
        network.Router.Dhcp.Offered = new IPv4Address(Frames.LongAt(Frames.Hex(address), 0));

        Assert.That(network.Stack.Dhcp(s_timeout).Lease!.Server, Is.EqualTo(s_second));
    }

    [Test]
    public void A_server_that_does_not_stand_by_its_offer_gives_way_to_the_second_one_in_time([Values] bool refuses)
    {
        Network network = Network.WithDhcpServer();
        network.Router.SecondDhcp = new DhcpServer(network.Router, s_second)
        {
            Delay = TimeSpan.FromSeconds(0.1),
            Offered = Network.NeighbourAddress,
        };
        network.Router.Dhcp.LostRequests = refuses ? 0 : int.MaxValue;
        network.Router.Dhcp.Refusals = refuses ? int.MaxValue : 0;
        network.Router.Dhcp.Delay = TimeSpan.FromSeconds(0.01);
        TimeSpan start = network.Clock.Now;

        DhcpResult result = network.Stack.Dhcp(s_timeout);

        Assert.That(result.Lease!.Server, Is.EqualTo(s_second));
        Assert.That(result.Lease.Configuration.Address, Is.EqualTo(Network.NeighbourAddress));
        Assert.That(network.Clock.Now - start, Is.LessThan(TimeSpan.FromSeconds(refuses ? 2.5 : 5.5)));
    }

    [Test]
    public void A_server_that_refused_is_asked_again_where_there_is_no_other()
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Refusals = 2;

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Bound));
        Assert.That(network.Router.Dhcp.Received, Is.EqualTo(new byte[] { 1, 3, 1, 3, 1, 3 }));
    }

    // T1 and T2 from the server, then the ones used, for a lease of 1000 seconds.
    [TestCase(0u, 0u, 500, 875, TestName = "Zeros count as absent")]
    [TestCase(100u, 200u, 100, 200, TestName = "Times in order are kept")]
    [TestCase(300u, 200u, 300, 875, TestName = "T1 after T2")]
    [TestCase(200u, 200u, 200, 875, TestName = "T1 at T2")]
    [TestCase(100u, 1000u, 100, 875, TestName = "T2 at the end")]
    [TestCase(100u, 5000u, 100, 875, TestName = "T2 after the end")]
    [TestCase(5000u, 6000u, 500, 875, TestName = "Both after the end")]
    [TestCase(5000u, 800u, 500, 875, TestName = "T1 after the end")]
    [TestCase(0u, 300u, 300, 300, TestName = "T2 before half the time, without T1")]
    public void A_lease_is_renewed_in_time_whatever_the_server_says(uint t1, uint t2, int renewal, int rebinding)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = 1000;
        network.Router.Dhcp.Options =
            [.. network.Router.Dhcp.Options, 58, 4, .. Frames.Big(t1), 59, 4, .. Frames.Big(t2)];
        network.Stack.Dhcp(s_timeout);
        network.Router.Dhcp.IsSilent = true;
        TimeSpan start = network.Clock.Now;
        TimeSpan? renewed = null;
        TimeSpan? rebound = null;
        while (network.Clock.Now - start < TimeSpan.FromSeconds(990))
        {
            network.Clock.Advance(TimeSpan.FromSeconds(1));
            network.Stack.RunTimers();
            renewed ??= network.Router.Dhcp.Received.Count > 2 ? network.Clock.Now - start : null;
            rebound ??= network.Router.Dhcp.Routes.Skip(2).Any(route => route.Destination.IsBroadcast)
                ? network.Clock.Now - start
                : null;
        }

        Assert.That(renewed!.Value.TotalSeconds, Is.EqualTo(renewal).Within(1.1));
        Assert.That(rebound!.Value.TotalSeconds, Is.EqualTo(rebinding).Within(1.1));
        Assert.That(network.Router.Dhcp.Received, Has.Count.LessThan(20), "no storm");
    }

    [TestCase(1u)]
    [TestCase(2u)]
    [TestCase(10u)]
    public void A_very_short_lease_causes_no_storm(uint seconds)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.LeaseSeconds = seconds;
        network.Stack.Dhcp(s_timeout);

        for (int i = 0; i < 100; i++)
        {
            network.Clock.Advance(TimeSpan.FromSeconds(1));
            network.Stack.RunTimers();
        }

        Assert.That(network.Router.Dhcp.Received, Has.Count.InRange(20, 300));
    }

    [TestCase(244, TestName = "As short as possible")]
    [TestCase(299, TestName = "Just below the size that BOOTP requires")]
    [TestCase(1400, TestName = "Longer than a client must accept")]
    public void A_message_may_have_any_length(int length)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Broadcasts = true;
        network.Router.Dhcp.Alter = answer =>
        {
            byte[] resized = new byte[length];
            answer.AsSpan(0, Math.Min(answer.Length, length)).CopyTo(resized);
            resized[243] = length == 244 ? (byte)255 : resized[243];
            return resized;
        };

        Assert.That(network.Stack.Dhcp(s_timeout).Status, Is.EqualTo(DhcpStatus.Bound));
    }

    [Test]
    public void Any_options_around_the_ones_that_are_needed_do_no_harm()
    {
        Gen<byte[]> option =
            from code in Gen.Choose(0, 254).Where(code => code is not (1 or 3 or 6 or 26 or 51 or 53 or 54))
            from length in Gen.Choose(0, 9)
            from value in Gen.Choose(0, 255).Select(item => (byte)item).ArrayOf(length)
            select code is 0 ? new byte[length] : [(byte)code, (byte)length, .. value];
        Arbitrary<(byte[][] Before, byte[][] After)> options = option.ArrayOf().Zip(option.ArrayOf()).ToArbitrary();
        Prop.ForAll(options, extra => IsBound(
            message => [.. message[..240], .. Join(extra.Item1), .. message[240..^1], .. Join(extra.Item2), 255]))
            .Check(Properties.Many);
    }

    [Test]
    public void Anything_after_the_options_that_are_needed_does_no_harm()
    {
        Prop.ForAll<byte[]>(
            end => IsBound(
                message => [.. message[..^1], .. end.Where(item => item is not (1 or 3 or 6 or 26 or 51 or 53))]))
            .Check(Properties.Many);
    }

    [Test]
    public void Options_may_be_split_in_any_way()
    {
        Arbitrary<int[]> cuts = Gen.Choose(1, 4).ArrayOf().ToArbitrary();
        Prop.ForAll(cuts, sizes => IsBound(message => [.. message[..240], .. Cut(message[240..^1], sizes), 255]))
            .Check(Properties.Many);
    }

    [Test]
    public void Whatever_is_granted_the_configuration_can_work()
    {
        Prop.ForAll<uint, uint, byte[]>((address, mask, tail) =>
        {
            Network network = Network.WithDhcpServer();
            network.Router.Dhcp.Broadcasts = true;
            network.Router.Dhcp.Offered = new IPv4Address(address);
            network.Router.Dhcp.Options = [1, 4, .. Frames.Big(mask), .. tail];
            DhcpResult result = network.Stack.Dhcp(TimeSpan.FromSeconds(3));
            IPv4Configuration? found = network.Stack.Configuration;
            return result.Status == DhcpStatus.Bound
                ? found is not null && IPv4Configuration.TryCreate(
                    found.Address, found.PrefixLength, found.Gateway, found.NameServer, out _)
                : found is null;
        }).Check(Properties.Many);
    }

    private static bool IsBound(Func<byte[], byte[]> alter)
    {
        Network network = Network.WithDhcpServer();
        network.Router.Dhcp.Alter = alter;
        return network.Stack.Dhcp(TimeSpan.FromSeconds(3)).ToString() == $"{Expected}, lease 86400 s";
    }

    private static byte[] Join(byte[][] options) => [.. options.SelectMany(option => option)];

    /// <summary>Cuts each option into parts of these sizes in turn (RFC 3396).</summary>
    private static byte[] Cut(byte[] options, int[] sizes)
    {
        byte[] cut = [];
        int turn = 0;
        for (int i = 0; i < options.Length; i += 2 + options[i + 1])
        {
            byte[] value = options[(i + 2)..(i + 2 + options[i + 1])];
            do
            {
                int size = Math.Min(sizes.Length == 0 ? 255 : sizes[turn++ % sizes.Length], value.Length);
                cut = [.. cut, options[i], (byte)size, .. value[..size]];
                value = value[size..];
            }
            while (value.Length > 0);
        }

        return cut;
    }
}
