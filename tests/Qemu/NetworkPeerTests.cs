using System;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Net;
using VirtioGuest.Net.Tests.Simulation;
using VirtioGuest.Qemu.Tests.Harness;

namespace VirtioGuest.Qemu.Tests;

/// <summary>Networks that QEMU's own is not: the test is the other end of the cable.</summary>
public sealed class NetworkPeerTests : QemuTest
{
    private const string Base = "10.9.0.15/24";

    // What a server sends behind the fixed fields, type and all, and what the guest makes of it.
    private static readonly (string Options, string Lease)[] s_odd =
    [
        ("3604 0a090001 3304 00000e10 0104 ffffff00 0300 0605 0a0900030a ff",
            $"{Base}, dns 10.9.0.3, lease 3600 s"),
        ("0104 ffffff00 0304 0a090001", $"{Base}, gateway 10.9.0.1, lease 3600 s"),
        ("3604 e0000001 3304 00000000 0304 0a090001 ff", "10.9.0.15/8, gateway 10.9.0.1, lease 3600 s"),
        ("3604 0a090001 3304 ffffffff 0104 ffff00ff 0304 0a090001 1a02 0578 ff",
            "10.9.0.15/8, gateway 10.9.0.1, mtu 1400, unlimited lease"),
        ("3604 0a090001 3304 00000e10 0104 ffffff00 0302 0a09 0302 0001 0f00 e900 030a", // cut off
            $"{Base}, gateway 10.9.0.1, lease 3600 s"),
    ];

    [Test]
    public void Odd_dhcp_servers_serve()
    {
        using NetworkPeer peer = new(Path.Combine(Folder, "net"));
        Func<byte[], byte[]?>[] habits =
        [
            .. s_odd.Select(odd => (Func<byte[], byte[]?>)(
                answer => PeerHost.WithOptions(answer, $"3501{answer[242]:x2} {odd.Options}"))),
            answer => PeerHost.WithOptions(answer, "0104 ffffff00 0304 0a090001 ff"),
        ];
        _ = new PeerHost(peer, habits);

        Transcript transcript = Run(
            new GuestOptions().WithNic(new NicOptions { Netdev = peer.Netdev }),
            string.Join("; ", habits.Select(_ => "net 0 dhcp")) + "; exit");

        Assert.Multiple(() =>
        {
            for (int i = 0; i < s_odd.Length; i++)
            {
                Assert.That(transcript.TextOf("net 0 dhcp", i), Is.EqualTo($"net0: {s_odd[i].Lease}"));
            }

            Assert.That(
                transcript.TextOf("net 0 dhcp", s_odd.Length),
                Is.EqualTo($"net0: {Base}, gateway 10.9.0.1, unlimited lease"),
                "BOOTP");
        });
    }

    [Test]
    public void Fragments_and_tagged_frames_are_taken_and_what_is_dropped_is_counted()
    {
        using NetworkPeer peer = new(Path.Combine(Folder, "net"));
        PeerHost host = new(peer, answer => answer);
        QemuGuest guest = Start(new GuestOptions().WithNic(
            new NicOptions { Netdev = peer.Netdev, Properties = "ctrl_vlan=off" })); // else QEMU drops other VLANs
        guest.WaitForPrompt();
        guest.Type("net 0 dhcp\r");
        guest.WaitForLine(@"^net0: 10\.9\.0\.15/24, gateway 10\.9\.0\.1, dns 10\.9\.0\.3, lease 3600 s$");

        byte[] small = PeerHost.Echo(1, 56);
        host.Send([.. small, .. new byte[40]]);
        Assert.That(host.IsAnswered(small), Is.True, "padding behind a packet");

        byte[] large = PeerHost.Echo(2, 4000);
        host.Send(Frames.Fragments(large, 1480));
        Assert.That(host.IsAnswered(large), Is.True, "fragments");

        byte[] largest = PeerHost.Echo(3, 65507);
        byte[][] pieces = Frames.Fragments(largest, 1480);
        host.Send([.. pieces.Reverse()]);
        Assert.That(host.IsAnswered(largest), Is.True, "fragments of the largest packet, the last one first");

        byte[] broken = PeerHost.Echo(4, 4000);
        pieces = Frames.Fragments(broken, 1480);
        host.Send(pieces[0], Frames.Fragment(broken, 1472, 1480, hasMore: true), pieces[1], pieces[2]);

        byte[] ask = Frames.Arp(1, PeerHost.Hardware, PeerHost.Address, default, PeerHost.Guest);
        int answers = peer.Received.Count(IsArpReply);
        peer.Send(Tagged(0x6000, 0x0806, ask));
        Assert.That(
            peer.WaitFor(frames => frames.Count(IsArpReply) > answers ? frames : null), Is.Not.Null, "tagged ARP");
        byte[] tagged = PeerHost.Echo(5, 1472);
        peer.Send(Tagged(0xE000, 0x0800, tagged));
        Assert.That(host.IsAnswered(tagged), Is.True, "a tagged frame of full size");

        peer.Send(Tagged(0x0005, 0x0800, PeerHost.Echo(6, 56)));
        peer.Send(Frames.Ethernet(PeerHost.GuestHardware, PeerHost.Hardware, 38, [0x42, 0x42, 3, .. new byte[35]]));
        peer.Send(Frames.Ethernet(MacAddress.Broadcast, PeerHost.Hardware, 0x86DD, new byte[80]));
        byte[] last = PeerHost.Echo(7, 1);
        host.Send(last);
        Assert.That(host.IsAnswered(last), Is.True, "after all that is dropped");

        guest.Type("net 0 status\r");
        guest.WaitForLine("^net0: in fragments: received 2, sent 2$");
        foreach (string drop in (string[])[
            "1: unknown EtherType", "1: IEEE 802.3 frame", "1: frame of a VLAN", "3: impossible IPv4 fragment"])
        {
            guest.WaitForLine($"^net0: dropped {drop}$");
        }

        guest.Type("exit\r");
        Assert.That(guest.WaitForExit(), Is.EqualTo(QemuGuest.Success));
    }

    private static byte[] Tagged(ushort tag, ushort type, byte[] payload) => Frames.Ethernet(
        PeerHost.GuestHardware, PeerHost.Hardware, 0x8100, [.. Frames.Big(tag), .. Frames.Big(type), .. payload]);

    private static bool IsArpReply(byte[] frame) =>
        Frames.WordAt(frame, 12) == 0x0806 && Frames.WordAt(frame, 20) == 2;
}
