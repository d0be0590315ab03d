using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Net;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A host at the other end of the cable: answers ARP and DHCP, and can ask.</summary>
internal sealed class PeerHost
{
    public static readonly IPv4Address Address = new(10, 9, 0, 1);
    public static readonly IPv4Address Guest = new(10, 9, 0, 15);
    public static readonly MacAddress Hardware = MacAddress.Parse("02:00:00:00:00:01");
    public static readonly MacAddress GuestHardware = MacAddress.Parse(QemuCommandLine.MacAddress(0));

    private readonly NetworkPeer _peer;
    private readonly Queue<Func<byte[], byte[]?>> _habits;

    /// <summary>Moves in.</summary>
    /// <param name="peer">The end of the cable.</param>
    /// <param name="habits">
    /// What the DHCP server makes of a good answer, for one client after the other: another answer, or none. The last
    /// one stays.
    /// </param>
    public PeerHost(NetworkPeer peer, params Func<byte[], byte[]?>[] habits)
    {
        _peer = peer;
        _habits = new Queue<Func<byte[], byte[]?>>(habits);
        peer.OnFrame = OnFrame;
    }

    /// <summary>A good answer's options: type, server, lease, mask, router, name server.</summary>
    public static byte[] Options(byte type) => Frames.Hex(
        $"3501{type:x2} 3604 0a090001 3304 00000e10 0104 ffffff00 0304 0a090001 0604 0a090003 ff");

    /// <summary>Another answer with the same fields and other options.</summary>
    public static byte[] WithOptions(byte[] answer, string options) => [.. answer[..240], .. Frames.Hex(options)];

    /// <summary>Sends a packet to the guest.</summary>
    public void Send(params byte[][] packets)
    {
        foreach (byte[] packet in packets)
        {
            _peer.Send(Frames.Ethernet(GuestHardware, Hardware, 0x0800, packet));
        }
    }

    /// <summary>An echo request to the guest.</summary>
    public static byte[] Echo(ushort number, int length)
    {
        byte[] data = [.. Enumerable.Range(0, length).Select(i => (byte)((i * 7) + (i >> 8)))];
        return Frames.IPv4(Address, Guest, 1, Frames.Icmp(8, 0, 77, number, data), identification: number);
    }

    /// <summary>Whether the guest answers an echo request; the answer may come in fragments.</summary>
    public bool IsAnswered(byte[] request) => _peer.WaitFor(
        frames => Frames.Join(
            frames.Where(frame => Frames.WordAt(frame, 12) == 0x0800 && frame[23] == 1)
                .Select(frame => frame[14..])
                .ToArray())
            .FirstOrDefault(packet => packet[20] == 0 && packet.AsSpan(24).SequenceEqual(request.AsSpan(24))))
        is not null;

    private void OnFrame(byte[] frame)
    {
        if (Frames.WordAt(frame, 12) == 0x0806)
        {
            OnArp(frame);
        }
        else if (frame[23] == 17 && Frames.WordAt(frame, 36) == 67)
        {
            OnDhcp(frame[42..]);
        }
    }

    private void OnArp(byte[] frame)
    {
        if (Frames.WordAt(frame, 20) == 1 && Frames.AddressAt(frame, 38) == Address)
        {
            byte[] reply = Frames.Arp(2, Hardware, Address, GuestHardware, Frames.AddressAt(frame, 28));
            _peer.Send(Frames.Ethernet(GuestHardware, Hardware, 0x0806, reply));
        }
    }

    private void OnDhcp(byte[] request)
    {
        bool isDiscover = request[242] == 1;
        byte[] fields = new byte[240];
        Frames.Hex("020106").CopyTo(fields, 0);
        request.AsSpan(4, 4).CopyTo(fields.AsSpan(4));
        Frames.Bytes(Guest).CopyTo(fields, 16);
        request.AsSpan(28, 6).CopyTo(fields.AsSpan(28));
        Frames.Hex("63825363").CopyTo(fields, 236);
        byte[]? answer = _habits.Peek()([.. fields, .. Options((byte)(isDiscover ? 2 : 5))]);
        if (answer is not null)
        {
            byte[] datagram = Frames.Udp(Address, Guest, 67, 68, answer);
            Send(Frames.IPv4(Address, Guest, 17, datagram));
        }

        bool isOffer = answer is not null && answer.AsSpan(240, 3).SequenceEqual(Frames.Hex("350102"));
        bool isGrant = !isDiscover || (answer is not null && !isOffer);
        if (isGrant && _habits.Count > 1)
        {
            _habits.Dequeue();
        }
    }
}
