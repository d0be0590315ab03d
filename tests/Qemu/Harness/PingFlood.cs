using System;
using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Threading;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// Echo requests from a neighbour of the guest, as fast as it answers: the guest's card is on a hub, with QEMU's user
/// network for its lease and a socket of the test's for these.
/// </summary>
public sealed class PingFlood : IDisposable
{
    private const int Ahead = 32;
    private const int PayloadLength = 64;
    private const int EthernetLength = 14;
    private const int Ipv4Length = 20;
    private const int IcmpLength = 8;
    private const byte EchoReply = 0;
    private const byte EchoRequest = 8;
    private const byte Icmp = 1;

    private static readonly byte[] s_guestAddress = [10, 0, 2, 15];
    private static readonly byte[] s_ownAddress = [10, 0, 2, 99];
    private static readonly byte[] s_guestMac = [0x52, 0x54, 0x00, 0x12, 0x34, 0x56];
    private static readonly byte[] s_ownMac = [0x52, 0x54, 0x00, 0x00, 0x00, 0x99];

    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
    private readonly int _guestPort;
    private readonly Thread _thread;
    private volatile bool _stop;
    private int _replies;

    /// <summary>Opens the socket; the flood begins with <see cref="Start"/>.</summary>
    public PingFlood()
    {
        _socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _socket.ReceiveTimeout = 5;

        // The port that QEMU is to have: free now, and nobody else here asks for ports by number.
        using Socket probe = new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);
        probe.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _guestPort = ((IPEndPoint)probe.LocalEndPoint!).Port;
        _thread = new Thread(Run) { IsBackground = true, Name = "ping flood" };
    }

    /// <summary>How many replies have come.</summary>
    public int Replies => Volatile.Read(ref _replies);

    /// <summary>The guest's network card and what it is connected to, in the words of QEMU.</summary>
    public string[] Arguments
    {
        get
        {
            int own = ((IPEndPoint)_socket.LocalEndPoint!).Port;
            return
            [
                "-netdev", "user,id=lease",
                "-netdev", "hubport,id=hub1,hubid=0,netdev=lease",
                "-netdev", $"socket,id=flood,udp=127.0.0.1:{own},localaddr=127.0.0.1:{_guestPort}",
                "-netdev", "hubport,id=hub2,hubid=0,netdev=flood",
                "-netdev", "hubport,id=hub3,hubid=0",
                "-device", "virtio-net-pci,netdev=hub3,mac=52:54:00:12:34:56,romfile=,packed=on",
            ];
        }
    }

    /// <summary>Begins.</summary>
    public void Start() => _thread.Start();

    /// <summary>Ends it.</summary>
    public void Dispose()
    {
        _stop = true;
        if (_thread.IsAlive)
        {
            _thread.Join(Deadlines.Monitor);
        }

        _socket.Dispose();
    }

    private void Run()
    {
        IPEndPoint guest = new(IPAddress.Loopback, _guestPort);
        byte[] received = new byte[2048];
        ushort sequence = 0;
        while (!_stop)
        {
            // The guest asks where the sender is, and is told with each burst.
            _socket.SendTo(ArpReply(), guest);
            for (int i = 0; i < Ahead; i++)
            {
                _socket.SendTo(EchoRequestFrame(sequence++), guest);
            }

            for (int i = 0; i < Ahead && Receive(received); i++)
            {
            }
        }
    }

    // One more reply; false where none comes soon.
    private bool Receive(byte[] received)
    {
        while (true)
        {
            int length;
            try
            {
                length = _socket.Receive(received);
            }
            catch (SocketException reason) when (reason.SocketErrorCode is SocketError.TimedOut
                or SocketError.WouldBlock or SocketError.ConnectionRefused)
            {
                return false;
            }

            const int IcmpStart = EthernetLength + Ipv4Length;
            if (length >= IcmpStart + IcmpLength && received[12] == 0x08 && received[13] == 0x00
                && received[EthernetLength + 9] == Icmp && received[IcmpStart] == EchoReply)
            {
                Interlocked.Increment(ref _replies);
                return true;
            }
        }
    }

    private static byte[] EchoRequestFrame(ushort sequence)
    {
        byte[] frame = new byte[EthernetLength + Ipv4Length + IcmpLength + PayloadLength];
        s_guestMac.CopyTo(frame, 0);
        s_ownMac.CopyTo(frame, 6);
        frame[12] = 0x08;
        Span<byte> ip = frame.AsSpan(EthernetLength, Ipv4Length);
        ip[0] = 0x45;
        BinaryPrimitives.WriteUInt16BigEndian(ip[2..], (ushort)(frame.Length - EthernetLength));
        ip[8] = 64;
        ip[9] = Icmp;
        s_ownAddress.CopyTo(ip[12..]);
        s_guestAddress.CopyTo(ip[16..]);
        BinaryPrimitives.WriteUInt16BigEndian(ip[10..], Checksum(ip));
        Span<byte> icmp = frame.AsSpan(EthernetLength + Ipv4Length);
        icmp[0] = EchoRequest;
        BinaryPrimitives.WriteUInt16BigEndian(icmp[4..], 0x1234);
        BinaryPrimitives.WriteUInt16BigEndian(icmp[6..], sequence);
        BinaryPrimitives.WriteUInt16BigEndian(icmp[2..], Checksum(icmp));
        return frame;
    }

    private static byte[] ArpReply()
    {
        byte[] frame = new byte[60];
        s_guestMac.CopyTo(frame, 0);
        s_ownMac.CopyTo(frame, 6);
        ((ReadOnlySpan<byte>)[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 2]).CopyTo(frame.AsSpan(12));
        s_ownMac.CopyTo(frame, 22);
        s_ownAddress.CopyTo(frame, 28);
        s_guestMac.CopyTo(frame, 32);
        s_guestAddress.CopyTo(frame, 38);
        return frame;
    }

    // RFC 1071; an even number of bytes.
    private static ushort Checksum(ReadOnlySpan<byte> data)
    {
        uint sum = 0;
        for (int i = 0; i < data.Length; i += 2)
        {
            sum += BinaryPrimitives.ReadUInt16BigEndian(data[i..]);
        }

        while (sum >> 16 != 0)
        {
            sum = (sum & 0xFFFF) + (sum >> 16);
        }

        return (ushort)~sum;
    }
}
