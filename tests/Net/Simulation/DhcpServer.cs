using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>A DHCP server as RFC 2131 has it, which can be given a number of bad habits.</summary>
internal sealed class DhcpServer
{
    private readonly Router _router;
    private readonly IPv4Address _address;

    public DhcpServer(Router router, IPv4Address address)
    {
        _router = router;
        _address = address;
    }

    /// <summary>The types of the messages that arrived, the lost ones included.</summary>
    public List<byte> Received { get; } = [];

    /// <summary>The messages that arrived, beginning with the op field.</summary>
    public List<byte[]> Messages { get; } = [];

    /// <summary>Where the messages came from and went to.</summary>
    public List<(IPv4Address Source, IPv4Address Destination)> Routes { get; } = [];

    public bool IsSilent { get; set; }

    public int LostDiscovers { get; set; }

    public int LostRequests { get; set; }

    /// <summary>How many requests it refuses.</summary>
    public int Refusals { get; set; }

    public IPv4Address Offered { get; set; } = Network.OwnAddress;

    public uint LeaseSeconds { get; set; } = 86400;

    /// <summary>Options besides message type, server identifier and lease time.</summary>
    public byte[] Options { get; set; } = [1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 2, 2, 6, 4, 10, 0, 2, 3];

    /// <summary>What it does to an answer before it sends it.</summary>
    public Func<byte[], byte[]> Alter { get; set; } = answer => answer;

    /// <summary>The port that answers come from.</summary>
    public ushort Port { get; set; } = 67;

    /// <summary>How much longer than the router's its answers take.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>Whether answers to a client without an address are broadcast.</summary>
    public bool Broadcasts { get; set; }

    public void OnMessage(IPv4Address source, IPv4Address destination, byte[] message)
    {
        byte type = Option(message, 53)![0];
        Received.Add(type);
        Messages.Add(message);
        Routes.Add((source, destination));
        if (IsSilent || (type == 1 && LostDiscovers-- > 0) || (type == 3 && LostRequests-- > 0))
        {
            return;
        }

        byte answer = type == 1 ? (byte)2 : Refusals-- > 0 ? (byte)6 : (byte)5;
        Answer(Alter(Build(message, answer)), Frames.AddressAt(message, 12));
    }

    /// <summary>The value of an option of a message; null where it has none.</summary>
    public static byte[]? Option(byte[] message, byte code)
    {
        for (int i = 240; message[i] != 255; i += message[i] == 0 ? 1 : 2 + message[i + 1])
        {
            if (message[i] == code)
            {
                return message[(i + 2)..(i + 2 + message[i + 1])];
            }
        }

        return null;
    }

    /// <summary>A message without one of its options.</summary>
    public static byte[] Without(byte[] message, byte code)
    {
        for (int i = 240; message[i] != 255; i += message[i] == 0 ? 1 : 2 + message[i + 1])
        {
            if (message[i] == code)
            {
                return [.. message[..i], .. message[(i + 2 + message[i + 1])..]];
            }
        }

        return message;
    }

    private byte[] Build(byte[] request, byte type)
    {
        byte[] fields = new byte[240];
        fields[0] = 2;
        fields[1] = 1;
        fields[2] = 6;
        request.AsSpan(4, 4).CopyTo(fields.AsSpan(4));
        request.AsSpan(12, 4).CopyTo(fields.AsSpan(12));
        request.AsSpan(28, 6).CopyTo(fields.AsSpan(28));
        if (type != 6)
        {
            Frames.Bytes(Offered).CopyTo(fields, 16);
        }

        Frames.Hex("63825363").CopyTo(fields, 236);
        byte[] always = [53, 1, type, 54, 4, .. Frames.Bytes(_address)];
        byte[] granted = type == 6 ? [] : [51, 4, .. Frames.Big(LeaseSeconds), .. Options];
        return [.. fields, .. always, .. granted, 255];
    }

    private void Answer(byte[] message, IPv4Address client)
    {
        IPv4Address destination = !client.IsAny ? client : Broadcasts ? IPv4Address.Broadcast : Offered;
        byte[] datagram = Frames.Udp(_address, destination, Port, 68, message);
        MacAddress hardware = Broadcasts && client.IsAny ? MacAddress.Broadcast : Network.OwnHardware;
        _router.SendPacket(hardware, Frames.IPv4(_address, destination, 17, datagram), Delay);
    }
}
