using System.Globalization;
using System.Linq;
using System.Text.Json;
using NUnit.Framework;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary><c>net N bench</c> on the real machine.</summary>
public sealed class NetworkBenchTests : QemuTest
{
    [TestCase(true)]
    [TestCase(false)]
    public void Every_load_is_measured(bool isPacked)
    {
        using var peer = new BenchPeer();
        string[] commands =
        [
            "net 0 bench frames 60 32 2000x",
            $"net 0 bench tx 18 32 2000x 10.0.2.2:{peer.Echo}",
            $"net 0 bench rr 1000 4 400x 10.0.2.2:{peer.Echo}",
            $"net 0 bench rx 100 16 200x 10.0.2.2:{peer.Datagrams}",
            $"net 0 bench tcp-tx 64K 0.5 10.0.2.2:{peer.Discard}",
            $"net 0 bench tcp-rx 16K 100x 10.0.2.2:{peer.Generator}",
            "net 0 bench http 2K 50x",
        ];
        string script = $"net 0 static 10.0.2.15/24 10.0.2.2; {string.Join("; ", commands)}; exit";
        int port = HostPort.FindFree();
        peer.AskByHttp(port);
        var nic = new NicOptions { IsPacked = isPacked, Netdev = $"user,hostfwd=tcp:127.0.0.1:{port}-:80" };
        Transcript transcript = Run(new GuestOptions().WithNic(nic), script, QemuGuest.Success);
        Assert.That(peer.LongestAnswer, Is.EqualTo(2048));
        foreach (string command in commands)
        {
            string[] lines = [.. transcript.OutputOf(command)];
            string name = command.Split(' ')[3];
            string ring = isPacked ? "packed" : "split";
            string first = lines.Single(line => line.StartsWith("net0: "));
            Assert.That(first, Does.StartWith($"net0: {ring} rings, {name} of"));
            JsonElement result = JsonDocument.Parse(lines[^1]).RootElement;
            Assert.That(result.GetProperty("operation").GetString(), Is.EqualTo(name));
            Assert.That(result.GetProperty("ring").GetString(), Is.EqualTo(ring));
            string? count = command.Split(' ').FirstOrDefault(word => char.IsDigit(word[0]) && word.EndsWith('x'));
            long asked = count is null ? 1 : long.Parse(count[..^1], CultureInfo.InvariantCulture);
            Assert.That(result.GetProperty("operations").GetInt64(), Is.AtLeast(asked), command);
            Assert.That(result.GetProperty("megabitsPerSecond").GetDouble(), Is.GreaterThan(0));
            Assert.That(result.GetProperty("driver").GetDouble(), Is.GreaterThan(0));
            Assert.That(result.GetProperty("rest").GetDouble(), Is.GreaterThan(0));
            Assert.That(result.GetProperty("unit").GetString(), Is.EqualTo("ticks"));
        }
    }

    [Test]
    public void What_cannot_be_measured_is_said_in_one_line()
    {
        (string Command, string Words)[] refusals =
        [
            (
                "net 0 bench tx 18 65 5",
                "usage: net N bench tx|rx|rr|frames SIZE BURST SECONDS|COUNTx [HOST[:PORT]] | "
                    + "tcp-tx|tcp-rx SIZE SECONDS|COUNTx [HOST[:PORT]] | http SIZE SECONDS|COUNTx"),
            ("net 0 bench tx 18 32 1x", "error: net0: there is no address"),
            ("net 0 bench frames 1515 1 1x", "error: net0: so much at a time does not fit"),
        ];
        string script = string.Join("; ", refusals.Select(item => item.Command))
            + "; net 0 static 10.0.2.15/24 10.0.2.2; net 0 bench tcp-tx 1K 1x 10.0.2.2:1; exit";
        Transcript transcript = Run(new GuestOptions().WithNic(), script, QemuGuest.Failure);
        foreach ((string command, string words) in refusals)
        {
            Assert.That(transcript.TextOf(command), Is.EqualTo(words), command);
        }

        Assert.That(
            transcript.TextOf("net 0 bench tcp-tx 1K 1x 10.0.2.2:1"),
            Is.EqualTo("error: net0: port 1 of 10.0.2.2 cannot be connected to"));
    }
}
