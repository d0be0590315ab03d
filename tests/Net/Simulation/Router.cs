using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>A router that answers ARP and echo requests, with a DHCP server; it can be given bad habits.</summary>
internal sealed class Router
{
    public static readonly IPv4Address Address = new(10, 0, 2, 2);
    public static readonly MacAddress Hardware = MacAddress.Parse("52:55:0a:00:02:02");

    private readonly Network _network;
    private readonly List<byte[]> _fragments = [];

    public Router(Network network)
    {
        _network = network;
        Dhcp = new DhcpServer(this, Address);
    }

    public DhcpServer Dhcp { get; }

    /// <summary>Another DHCP server on the link, if there is one.</summary>
    public DhcpServer? SecondDhcp { get; set; }

    /// <summary>How many ARP requests it loses.</summary>
    public int LostArpRequests { get; set; }

    /// <summary>How many echo requests it loses.</summary>
    public int LostEchoRequests { get; set; }

    /// <summary>How long its answers take.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromMilliseconds(0.4);

    /// <summary>What it does to an echo reply before it sends it.</summary>
    public Func<byte[], byte[]> AlterEchoReply { get; set; } = reply => reply;

    /// <summary>The code of the ICMP error that it answers echo requests with, instead of a reply.</summary>
    public byte? UnreachableCode { get; set; }

    public void OnFrame(byte[] frame)
    {
        if (Frames.WordAt(frame, 12) == 0x0806)
        {
            OnArp(frame);
        }
        else if ((Frames.WordAt(frame, 20) & 0x3FFF) != 0)
        {
            OnFragment(frame);
        }
        else if (frame[23] == 1)
        {
            OnIcmp(frame);
        }
        else if (Frames.WordAt(frame, 36) == 67)
        {
            Dhcp.OnMessage(Frames.AddressAt(frame, 26), Frames.AddressAt(frame, 30), frame[42..]);
            SecondDhcp?.OnMessage(Frames.AddressAt(frame, 26), Frames.AddressAt(frame, 30), frame[42..]);
        }
    }

    public void SendPacket(MacAddress destination, byte[] packet, TimeSpan more = default)
    {
        int mtu = _network.Link.Mtu;
        byte[][] pieces = packet.Length <= mtu ? [packet] : Frames.Fragments(packet, (mtu - 20) & ~7);
        foreach (byte[] piece in pieces)
        {
            Send(Frames.Ethernet(destination, Hardware, 0x0800, piece), more);
        }
    }

    private void OnFragment(byte[] frame)
    {
        _fragments.Add(frame[14..]);
        if ((Frames.WordAt(frame, 20) & 0x2000) == 0)
        {
            OnFrame([.. frame[..14], .. Frames.Join(_fragments).Single()]);
            _fragments.Clear();
        }
    }

    private void Send(byte[] frame, TimeSpan more = default) =>
        _network.Clock.Schedule(Delay + more, () => _network.Receive(frame));

    private void OnArp(byte[] frame)
    {
        if (Frames.WordAt(frame, 20) != 1 || Frames.AddressAt(frame, 38) != Address || LostArpRequests-- > 0)
        {
            return;
        }

        MacAddress asker = Frames.MacAt(frame, 22);
        byte[] reply = Frames.Arp(2, Hardware, Address, asker, Frames.AddressAt(frame, 28));
        Send(Frames.Ethernet(asker, Hardware, 0x0806, reply));
    }

    private void OnIcmp(byte[] frame)
    {
        if (frame[34] != 8 || LostEchoRequests-- > 0)
        {
            return;
        }

        int end = 14 + Frames.WordAt(frame, 16);
        IPv4Address asker = Frames.AddressAt(frame, 26);
        IPv4Address asked = Frames.AddressAt(frame, 30);
        byte[] message = UnreachableCode is null
            ? Frames.Icmp(0, 0, Frames.WordAt(frame, 38), Frames.WordAt(frame, 40), frame[42..end])
            : Frames.Icmp(3, UnreachableCode.Value, 0, 0, frame[14..42]);
        IPv4Address source = UnreachableCode is null ? asked : Address;
        SendPacket(Frames.MacAt(frame, 6), Frames.IPv4(source, asker, 1, AlterEchoReply(message), timeToLive: 63));
    }
}
