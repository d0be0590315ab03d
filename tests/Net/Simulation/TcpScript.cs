using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Net.Tests.Simulation;

/// <summary>A conversation with the stack, segment by segment, in the manner of packetdrill.</summary>
/// <remarks>
/// <para>
/// A segment is a text: flags, sequence numbers, then whatever matters: <c>"P. 1:101 ack 1 win 500 sack 201-301"</c>.
/// Flags are S, F, R, P and a dot for ACK. Numbers count from the SYN of their sender, which is 0. <see cref="In"/>
/// makes the neighbour send one, <see cref="Out"/> says what the stack must have sent; what a text leaves out there is
/// not compared.
/// </para>
/// <para>
/// The byte at each place of a stream follows from the place (<see cref="Pattern"/>), so that data is always checked.
/// The neighbour's sequence numbers wrap after 256 bytes.
/// </para>
/// </remarks>
internal sealed class TcpScript
{
    public const ushort Port = 80;
    public const ushort PeerPort = 4000;
    public const string AllOptions = "mss 1460 sackOK ts 1000 ws 7";

    private const uint PeerInitial = 0xFFFF_FF00;
    private const string FlagLetters = "FSRP.U";

    private uint? _initial;
    private uint _lastTimestamp;
    private int _seen;
    private int _written;
    private int _read;
    private ushort _port = Port;

    public TcpScript(TcpSettings? settings = null, int mtu = 1500)
    {
        Settings = settings ?? TcpSettings.Default;
        Network = new Network(mtu);
        Network.Stack.TrySetStatic(Network.OwnAddress, 24, Router.Address);
        Introduce();
    }

    public Network Network { get; }

    public TcpSettings Settings { get; }

    public TcpSocket Listener { get; private set; } = null!;

    public TcpSocket Socket { get; private set; } = null!;

    public TimeSpan Now => Network.Clock.Now;

    /// <summary>The number of the first SYN that the stack has sent.</summary>
    public uint Initial => _initial!.Value;

    public static IpEndpoint Peer => new(Network.NeighbourAddress, PeerPort);

    /// <summary>The bytes of a stream from a place on; the first one's place is 1, as that of the SYN is 0.</summary>
    public static byte[] Pattern(long start, int count) =>
        [.. Enumerable.Range(0, count).Select(i => (byte)(((start + i) * 31) + ((start + i) >> 8)))];

    /// <summary>A listener on <see cref="Port"/>.</summary>
    public static TcpScript Listening(TcpSettings? settings = null, int backlog = 4, int mtu = 1500)
    {
        var script = new TcpScript(settings, mtu);
        script.Listener = script.Network.Stack.OpenTcp();
        script.Listener.Settings = script.Settings;
        Assert.That(script.Listener.Bind(new IpEndpoint(IPv4Address.Any, Port)), Is.EqualTo(TcpStatus.Ok));
        Assert.That(script.Listener.Listen(backlog), Is.EqualTo(TcpStatus.Ok));
        return script;
    }

    /// <summary>A connection that the neighbour has opened.</summary>
    public static TcpScript Open(
        string options = "mss 1460", TcpSettings? settings = null, int window = 65535, int mtu = 1500)
    {
        TcpScript script = Listening(settings, mtu: mtu);
        script.In($"S 0:0 win {window} {options}");
        script.Out("S. 0:0 ack 1");
        script.In($". 1:1 ack 1 win {window}{(options.Contains("ts ", StringComparison.Ordinal) ? " ts 1000" : "")}");
        script.Accept();
        script.Quiet();
        return script;
    }

    /// <summary>A connection that is being opened from here: the SYN is still to be looked at.</summary>
    public static TcpScript Connecting(TcpSettings? settings = null, int mtu = 1500)
    {
        var script = new TcpScript(settings, mtu);
        script.Socket = script.Network.Stack.OpenTcp();
        script.Socket.Settings = script.Settings;
        Assert.That(script.Socket.Connect(Peer), Is.EqualTo(TcpStatus.Ok));
        return script;
    }

    public TcpSocket Accept()
    {
        Assert.That(Listener.TryAccept(out TcpSocket? accepted), Is.EqualTo(TcpStatus.Ok));
        Socket = accepted!;
        return Socket;
    }

    /// <summary>The neighbour sends a segment.</summary>
    public void In(string text, ushort peerPort = PeerPort) => Network.ReceivePacket(Packet(text, peerPort));

    /// <summary>A packet with a segment from the neighbour.</summary>
    public byte[] Packet(string text, ushort peerPort = PeerPort)
    {
        Dictionary<string, string> fields = Parse(text);
        (long start, long end) = Range(fields["seq"]);
        byte flags = 0;
        foreach (char letter in fields["flags"])
        {
            flags |= (byte)(1 << FlagLetters.IndexOf(letter, StringComparison.Ordinal));
        }

        uint sequence = PeerInitial + (uint)start;
        uint acknowledgment = fields.TryGetValue("ack", out string? ack) ? (_initial ?? 0) + (uint)Number(ack) : 0;
        ushort window = (ushort)Number(fields.GetValueOrDefault("win", "65535"));
        byte[] segment = Frames.Tcp(
            Network.NeighbourAddress,
            Network.OwnAddress,
            peerPort,
            _port,
            sequence,
            acknowledgment,
            flags,
            window,
            Options(fields),
            Pattern(start, (int)(end - start)));
        return Frames.IPv4(Network.NeighbourAddress, Network.OwnAddress, 6, segment);
    }

    /// <summary>The stack must have sent this segment next.</summary>
    public void Out(string text)
    {
        byte[] segment = Next() ?? throw new AssertionException($"Nothing was sent where this was expected: {text}");
        Dictionary<string, string> actual = Describe(segment);
        foreach ((string name, string value) in Parse(text))
        {
            string found = actual.GetValueOrDefault(name, "nothing");
            Assert.That(
                found,
                Is.EqualTo(value),
                $"'{name}' of {string.Join(' ', actual.Select(field => $"{field.Key} {field.Value}"))}");
        }

        (long start, long end) = Range(actual["seq"]);
        int header = (segment[12] >> 4) * 4;
        Assert.That(segment[header..], Is.EqualTo(Pattern(start, (int)(end - start))), "the data");
    }

    /// <summary>The stack must have sent nothing that was not looked at.</summary>
    public void Quiet()
    {
        byte[]? segment = Next();
        if (segment is not null)
        {
            throw new AssertionException(
                $"This was sent where nothing was expected: {string.Join(' ', Describe(segment))}");
        }
    }

    /// <summary>Takes what the stack has sent, whatever it is.</summary>
    /// <returns>How many segments.</returns>
    public int Skip()
    {
        int count = 0;
        while (Next() is not null)
        {
            count++;
        }

        return count;
    }

    /// <summary>Forgets all frames that were sent.</summary>
    public void Forget()
    {
        Network.Link.Sent.Clear();
        _seen = 0;
    }

    /// <summary>
    /// The neighbour opens a connection, unless the stack has reasons not to; the program accepts it.
    /// </summary>
    public void OpenAgain()
    {
        Forget();
        _initial = null;
        In("S 0:0 mss 1460 sackOK");
        if (Next() is not null)
        {
            In(". 1:1 ack 1");
            Socket = Listener.TryAccept(out TcpSocket? accepted) == TcpStatus.Ok ? accepted! : Socket;
        }
    }

    /// <summary>The raw bytes of the next segment that was sent; null where there is none.</summary>
    public byte[]? Next()
    {
        while (_seen < Network.Link.Sent.Count)
        {
            byte[] frame = Network.Link.Sent[_seen++];
            if (Frames.WordAt(frame, 12) != 0x0800 || frame[23] != 6)
            {
                continue;
            }

            byte[] segment = frame[34..(14 + Frames.WordAt(frame, 16))];
            _initial ??= Frames.LongAt(segment, 4);
            _port = Frames.WordAt(segment, 0);
            Describe(segment);
            return segment;
        }

        return null;
    }

    /// <summary>Lets time pass, with every timer run in time.</summary>
    public void Wait(double milliseconds)
    {
        TimeSpan end = Now + TimeSpan.FromMilliseconds(milliseconds);
        while (Now < end)
        {
            TimeSpan wait = Network.Stack.RunTimers();
            TimeSpan step = wait < end - Now ? wait : end - Now;
            Network.Clock.Advance(step < TimeSpan.FromSeconds(30) ? step : TimeSpan.FromSeconds(30));
            Introduce();
        }

        Network.Stack.RunTimers();
    }

    /// <summary>The program writes bytes, all of which are taken.</summary>
    public void Write(int count)
    {
        TcpStatus status = Socket.Send(Pattern(_written + 1, count), out int taken);
        Assert.That((status, taken), Is.EqualTo((TcpStatus.Ok, count)));
        _written += count;
    }

    /// <summary>The program reads exactly so many bytes.</summary>
    public void Read(int count)
    {
        byte[] buffer = new byte[count];
        TcpStatus status = Socket.Receive(buffer, out int taken);
        Assert.That((status, taken), Is.EqualTo((count > 0 ? TcpStatus.Ok : TcpStatus.WouldBlock, count)));
        Assert.That(buffer, Is.EqualTo(Pattern(_read + 1, count)));
        _read += count;
    }

    /// <summary>The program reads to see how the stream ends.</summary>
    public TcpStatus ReadEnd()
    {
        TcpStatus status = Socket.Receive(new byte[1], out int taken);
        Assert.That(taken, Is.Zero);
        return status;
    }

    /// <summary>An ICMP error from the neighbour about a segment that we would have sent.</summary>
    public void Unreachable(byte code, long sequence, ushort mtu = 0)
    {
        byte[] quoted = Frames.IPv4(
            Network.OwnAddress,
            Network.NeighbourAddress,
            6,
            [
                .. Frames.Big(_port), .. Frames.Big(PeerPort), .. Frames.Big(_initial!.Value + (uint)sequence),
                .. new byte[12],
            ]);
        Network.ReceivePacket(Frames.IPv4(
            Network.NeighbourAddress, Network.OwnAddress, 1, Frames.Icmp(3, code, 0, mtu, quoted[..28])));
    }

    private void Introduce()
    {
        Network.Receive(Frames.Ethernet(
            MacAddress.Broadcast,
            Network.NeighbourHardware,
            0x0806,
            Frames.Arp(1, Network.NeighbourHardware, Network.NeighbourAddress, default, Network.OwnAddress)));
    }

    private static Dictionary<string, string> Parse(string text)
    {
        string[] words = text.Split(' ', StringSplitOptions.RemoveEmptyEntries);
        Dictionary<string, string> fields = new() { ["flags"] = words[0], ["seq"] = words[1] };
        for (int i = 2; i < words.Length; i++)
        {
            fields[words[i]] = words[i] == "sackOK" ? "yes" : words[++i];
        }

        return fields;
    }

    private Dictionary<string, string> Describe(byte[] segment)
    {
        int header = (segment[12] >> 4) * 4;
        long start = (int)(Frames.LongAt(segment, 4) - _initial!.Value);
        string flags = string.Concat(FlagLetters.Where((_, bit) => (segment[13] & (1 << bit)) != 0));
        Dictionary<string, string> fields = new()
        {
            ["flags"] = flags,
            ["seq"] = $"{start}:{start + segment.Length - header}",
            ["win"] = $"{Frames.WordAt(segment, 14)}",
        };
        if (flags.Contains('.'))
        {
            fields["ack"] = $"{Frames.LongAt(segment, 8) - PeerInitial}";
        }

        for (int i = 20; i < header && segment[i] != 0; i += segment[i] == 1 ? 1 : segment[i + 1])
        {
            switch (segment[i])
            {
                case 2:
                    fields["mss"] = $"{Frames.WordAt(segment, i + 2)}";
                    break;

                case 3:
                    fields["ws"] = $"{segment[i + 2]}";
                    break;

                case 4:
                    fields["sackOK"] = "yes";
                    break;

                case 5:
                    fields["sack"] = string.Join(',', Enumerable.Range(0, segment[i + 1] / 8).Select(block =>
                        $"{Frames.LongAt(segment, i + 2 + (block * 8)) - PeerInitial}"
                        + $"-{Frames.LongAt(segment, i + 6 + (block * 8)) - PeerInitial}"));
                    break;

                case 8:
                    _lastTimestamp = Frames.LongAt(segment, i + 2);
                    fields["tsecr"] = $"{Frames.LongAt(segment, i + 6)}";
                    break;

                default:
                    break;
            }
        }

        return fields;
    }

    private byte[] Options(Dictionary<string, string> fields)
    {
        List<byte> options = [];
        if (fields.TryGetValue("mss", out string? mss))
        {
            options.AddRange([2, 4, .. Frames.Big((ushort)Number(mss))]);
        }

        if (fields.ContainsKey("sackOK"))
        {
            options.AddRange([4, 2]);
        }

        if (fields.TryGetValue("ts", out string? ts))
        {
            options.AddRange([1, 1, 8, 10, .. Frames.Big((uint)Number(ts)), .. Frames.Big(_lastTimestamp)]);
        }

        if (fields.TryGetValue("ws", out string? ws))
        {
            options.AddRange([3, 3, (byte)Number(ws)]);
        }

        if (fields.TryGetValue("sack", out string? sack))
        {
            string[] blocks = sack.Split(',');
            options.AddRange([5, (byte)(2 + (8 * blocks.Length))]);
            foreach (string block in blocks)
            {
                (long left, long right) = Range(block.Replace('-', ':'));
                options.AddRange([.. Frames.Big(_initial!.Value + (uint)left)]);
                options.AddRange([.. Frames.Big(_initial!.Value + (uint)right)]);
            }
        }

        return [.. options];
    }

    private static (long Start, long End) Range(string text)
    {
        string[] ends = text.Split(':');
        return (Number(ends[0]), Number(ends[1]));
    }

    private static long Number(string text) => long.Parse(text, CultureInfo.InvariantCulture);
}
