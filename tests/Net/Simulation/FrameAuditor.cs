using System;
using NUnit.Framework;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>Checks every frame that the stack sends: whatever it was given, it must not send garbage.</summary>
internal static class FrameAuditor
{
    public static void Check(byte[] frame, MacAddress own, int mtu, IPv4Address? address)
    {
        Require(frame.Length >= 60 && frame.Length <= 14 + mtu, "the frame's length");
        Require(Frames.MacAt(frame, 6) == own, "the frame's source");
        Require(Frames.MacAt(frame, 0).IsUnicast || Frames.MacAt(frame, 0).IsBroadcast, "the frame's destination");
        switch (Frames.WordAt(frame, 12))
        {
            case 0x0806:
                CheckArp(frame, own, address);
                break;

            case 0x0800:
                CheckIPv4(frame, address);
                break;

            default:
                Require(false, "the frame's type");
                break;
        }
    }

    private static void CheckArp(byte[] frame, MacAddress own, IPv4Address? address)
    {
        Require(frame.AsSpan(14, 6).SequenceEqual(new byte[] { 0, 1, 8, 0, 6, 4 }), "ARP's first six bytes");
        Require(Frames.WordAt(frame, 20) is 1 or 2, "the ARP operation");
        Require(Frames.MacAt(frame, 22) == own, "the ARP sender's hardware address");
        Require(Frames.AddressAt(frame, 28) == address, "the ARP sender's address");
        Require(frame.AsSpan(42).IndexOfAnyExcept((byte)0) < 0, "the padding");
    }

    private static void CheckIPv4(byte[] frame, IPv4Address? address)
    {
        int total = Frames.WordAt(frame, 16);
        Require(frame[14] == 0x45 && total >= 20 && total <= frame.Length - 14, "IPv4's lengths");
        Require(Frames.Checksum(frame.AsSpan(14, 20)) == 0, "the IPv4 checksum");
        int fragment = Frames.WordAt(frame, 20);
        Require((fragment & 0xC000) == 0 || (fragment == 0x4000 && frame[23] == 6), "the flags");
        Require((fragment & 0x2000) == 0 || total % 8 == 4, "the size of a fragment that is not the last");
        Require(frame.AsSpan(14 + total).IndexOfAnyExcept((byte)0) < 0, "the padding");

        if ((fragment & 0x3FFF) != 0)
        {
            Require(((fragment & 0x1FFF) * 8) + total <= 65535, "a fragment's place");
            return;
        }

        byte[] payload = frame[34..(14 + total)];
        IPv4Address source = Frames.AddressAt(frame, 26);
        IPv4Address destination = Frames.AddressAt(frame, 30);
        Require(!destination.IsAny && !destination.IsLoopback && !destination.IsMulticast, "the IPv4 destination");
        Require(Frames.MacAt(frame, 0).IsBroadcast || destination.IsUnicast, "broadcast to a single station");

        bool isDhcp = frame[23] == 17 && Frames.WordAt(payload, 0) == 68 && Frames.WordAt(payload, 2) == 67;
        Require(source == address || (isDhcp && source.IsAny && destination.IsBroadcast), "the IPv4 source");
        if (frame[23] == 1)
        {
            bool isEcho = payload.Length >= 8 && payload[0] is 0 or 8 && payload[1] == 0;
            bool isError = payload.Length is >= 28 and <= 556 && payload[0] == 3 && payload[1] is 2 or 3;
            Require(isEcho || isError, "the ICMP message");
            Require(Frames.Checksum(payload) == 0, "the ICMP checksum");
        }
        else if (frame[23] == 6)
        {
            int header = payload.Length >= 20 ? (payload[12] >> 4) * 4 : 0;
            Require(header >= 20 && header <= payload.Length, "the TCP header's length");
            Require(Frames.WordAt(payload, 0) != 0 && Frames.WordAt(payload, 2) != 0, "the TCP ports");
            Require((payload[12] & 0xF) == 0 && (payload[13] & 0xC0) == 0, "TCP's reserved bits");
            byte[] summed = Frames.WithPseudoHeader(source, destination, payload, protocol: 6);
            Require(Frames.Checksum(summed) == 0, "the TCP checksum");
        }
        else
        {
            Require(frame[23] == 17, "the IPv4 protocol");
            Require(Frames.WordAt(payload, 4) == payload.Length, "the UDP length");
            Require(Frames.WordAt(payload, 6) != 0, "a UDP checksum that says there is none");
            Require(Frames.Checksum(Frames.WithPseudoHeader(source, destination, payload)) == 0, "the UDP checksum");
        }
    }

    private static void Require(bool condition, string what)
    {
        if (!condition)
        {
            throw new AssertionException($"The stack sent a frame with something wrong: {what}.");
        }
    }
}
