using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>An address and answers from QEMU's user network (10.0.2.0/24).</summary>
public sealed class NetworkTests : QemuTest
{
    [TestCase(MachineType.Pc)]
    [TestCase(MachineType.Q35)]
    public void Address_comes_by_dhcp_and_every_ping_is_answered(MachineType machine)
    {
        const int Count = 5;
        string ping = $"net 0 ping 10.0.2.2 {Count}";

        Transcript transcript = Run(
            new GuestOptions { Machine = machine }.WithNic(), $"selftest; net 0 dhcp; net 0 status; {ping}; exit");

        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundNic(0)));
        Assert.That(
            Expect.PassedSelfTest(transcript).Results.Where(result => result.Name.StartsWith("net0: ")),
            Has.Exactly(2).Items.And.None.Property(nameof(TapResult.IsSkipped)).True,
            "QEMU's network has a server and a gateway that answers");
        Assert.That(
            transcript.TextOf("net 0 dhcp"),
            Does.Match(@"\Anet0: 10\.0\.2\.15/24, gateway 10\.0\.2\.2, dns 10\.0\.2\.3, lease 86400 s\z"));
        Assert.That(
            transcript.TextOf("net 0 status"), Does.Contain("10.0.2.15").And.Contain(QemuCommandLine.MacAddress(0)));
        string[] replies = [.. transcript.OutputOf(ping)];
        Assert.That(replies, Has.Length.EqualTo(Count + 1));
        for (int i = 0; i < Count; i++)
        {
            Assert.That(replies[i], Does.Match($@"^reply from 10\.0\.2\.2: seq {i + 1}, \d+\.\d+ ms$"));
        }

        Assert.That(replies[Count], Is.EqualTo($"{Count} sent, {Count} received"));
    }

    [Test]
    public void What_cannot_be_asked_is_said_in_words()
    {
        (string Command, string Words)[] refusals =
        [
            ("net 0 ping 10.0.2.2 1", "error: net0: no address configured"),
            ("net 0 ping 127.0.0.1 1",
                "error: net0: 127.0.0.1 is a loopback address, which is never on a network"),
            ("net 0 ping 224.0.0.1 1",
                "error: net0: 224.0.0.1 is a multicast address; only a single host can be pinged"),
            ("net 0 ping 0.0.0.0 1", "error: net0: 0.0.0.0 is not the address of a host"),
            ("net 0 ping 10.0.2.2 0", "usage: net N ping ADDRESS COUNT"),
            ("net 0 ping 10.0.2.255 1", "error: net0: the destination is not the address of a single host"),
        ];
        Transcript transcript = Run(
            new GuestOptions().WithNic(),
            string.Join("; ", refusals[..^1].Select(item => item.Command)) + "; net 0 dhcp; " + refusals[^1].Command
            + "; net 0 ping 10.0.2.15 2; exit",
            QemuGuest.Failure);

        Assert.Multiple(() =>
        {
            foreach ((string command, string words) in refusals)
            {
                Assert.That(transcript.TextOf(command), Does.EndWith(words), command);
            }

            Assert.That(transcript.TextOf("net 0 ping 10.0.2.15 2"), Does.EndWith("2 sent, 2 received"), "ourselves");
        });
    }

    [Test]
    public void Ping_without_an_answer_fails_in_bounded_time()
    {
        Transcript transcript = Run(
            new GuestOptions().WithNic(),
            "net 0 dhcp; net 0 ping 10.0.2.99 2; net 0 ping 10.0.2.2 1; exit", QemuGuest.Failure);

        string text = transcript.TextOf("net 0 ping 10.0.2.99 2");
        Assert.That(text, Does.Match(@"\Ano reply: seq 1\b.*\nno reply: seq 2\b.*\n2 sent, 0 received\n"));
        Assert.That(text, Does.Not.Contain("reply from"));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 1"), Does.EndWith("1 sent, 1 received"));
    }

    [Test]
    public void Two_cards_have_networks_of_their_own()
    {
        Transcript transcript = Run(
            new GuestOptions().WithNic().WithNic(),
            "net 1 dhcp; net 0 status; net 1 ping 10.0.2.2 1; net 0 dhcp; net 0 ping 10.0.2.2 2; exit");

        Assert.That(transcript.Start, Has.Some.Match(Expect.BoundNic(0)).And.Some.Match(Expect.BoundNic(1)));
        Assert.That(transcript.TextOf("net 0 status"), Does.Not.Contain("10.0.2.15"), "net0 has no address yet");
        Assert.That(transcript.TextOf("net 1 ping 10.0.2.2 1"), Does.EndWith("1 sent, 1 received"));
        Assert.That(transcript.TextOf("net 0 ping 10.0.2.2 2"), Does.EndWith("2 sent, 2 received"));
    }

    [Test]
    public void Long_run_of_pings_goes_round_the_rings()
    {
        // More packets than the rings of 64 have slots, so that every wrap counter turns.
        const int Count = 150;
        NicOptions nic = new() { Properties = "rx_queue_size=256,tx_queue_size=256" };
        string ping = $"net 0 ping 10.0.2.2 {Count}";

        Transcript transcript = Run(new GuestOptions().WithNic(nic), $"net 0 dhcp; {ping}; {ping}; exit");

        foreach (int occurrence in (int[])[0, 1])
        {
            Assert.That(
                transcript.OutputOf(ping, occurrence).Count(line => Regex.IsMatch(line, "^reply from 10.0.2.2: ")),
                Is.EqualTo(Count));
        }
    }
}
