using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Net.Sockets;
using System.Threading;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>
/// A socket on which every Ethernet frame follows its length, as QEMU's <c>-netdev stream</c> has it, with a host of
/// few words at its end: it knows ARP and UDP.
/// </summary>
internal sealed class SocketWire : Wire
{
    /// <summary>The first three numbers of its addresses; the host is 1, the guest 2.</summary>
    public const string Network = "10.0.9";

    private const int BufferLength = 1 << 20;
    private const int FloodFrames = 64;
    private const int LengthSize = 4;
    private const int HeadersLength = 42; // of Ethernet, with ARP or with IPv4 and UDP behind

    private static readonly byte[] s_station = [0x52, 0x54, 0x00, 0x00, 0x00, 0x02];

    private readonly string _path;
    private readonly Socket _listener;
    private readonly Lock _sending = new();
    private readonly List<byte> _answers = [];
    private Socket? _connection;
    private bool _isFlooding;

    /// <summary>Waits for a guest.</summary>
    public SocketWire()
    {
        _path = Path.Combine(Path.GetTempPath(), $"vgw{Environment.ProcessId}");
        File.Delete(_path);
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(_path));
        _listener.Listen(1);
        new Thread(Read) { IsBackground = true, Name = "wire" }.Start();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Devices => Card($"stream,server=off,addr.type=unix,addr.path={_path}");

    /// <inheritdoc/>
    public override void Dispose()
    {
        _listener.Dispose();
        _connection?.Dispose();
        File.Delete(_path);
    }

    /// <summary>What the host answers to a frame.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="isForEver">Whether it answers without end.</param>
    /// <returns>A frame, or null for none.</returns>
    internal static byte[]? Answer(ReadOnlySpan<byte> frame, out bool isForEver)
    {
        isForEver = false;
        int type = frame.Length < HeadersLength ? 0 : BinaryPrimitives.ReadUInt16BigEndian(frame[12..]);
        if (type == 0x0806)
        {
            bool isQuestion = frame[21] == 1 && frame[41] == 1;
            return isQuestion ? AnswerArp(frame) : null;
        }

        bool isDatagram = type == 0x0800 && frame[14] == 0x45 && frame[23] == 17;
        int port = isDatagram ? BinaryPrimitives.ReadUInt16BigEndian(frame[36..]) : 0;
        isForEver = port == Generator;
        return port is Echo or Generator ? SendBack(frame) : null;
    }

    private static byte[] AnswerArp(ReadOnlySpan<byte> question)
    {
        byte[] answer = question.ToArray();
        question.Slice(6, 6).CopyTo(answer);
        s_station.CopyTo(answer, 6);
        answer[21] = 2;
        s_station.CopyTo(answer, 22);
        question.Slice(38, 4).CopyTo(answer.AsSpan(28));
        question.Slice(22, 10).CopyTo(answer.AsSpan(32));
        return answer;
    }

    // Both ends change places, which leaves the sums as they are.
    private static byte[] SendBack(ReadOnlySpan<byte> frame)
    {
        byte[] back = frame.ToArray();
        frame.Slice(6, 6).CopyTo(back);
        s_station.CopyTo(back, 6);
        frame.Slice(26, 4).CopyTo(back.AsSpan(30));
        frame.Slice(30, 4).CopyTo(back.AsSpan(26));
        frame.Slice(34, 2).CopyTo(back.AsSpan(36));
        frame.Slice(36, 2).CopyTo(back.AsSpan(34));
        return back;
    }

    private void Read()
    {
        byte[] buffer = new byte[BufferLength];
        int count = 0;
        try
        {
            _connection = _listener.Accept();
            int read;
            while ((read = _connection.Receive(buffer.AsSpan(count))) > 0)
            {
                int end = count + read;
                int at = 0;
                while (end - at >= LengthSize
                    && BinaryPrimitives.ReadInt32BigEndian(buffer.AsSpan(at)) is int length
                    && end - at - LengthSize >= length)
                {
                    OnFrame(buffer.AsSpan(at + LengthSize, length));
                    at += LengthSize + length;
                }

                buffer.AsSpan(at, end - at).CopyTo(buffer);
                count = end - at;
                SendAnswers();
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The guest has ended.
        }
    }

    private void OnFrame(ReadOnlySpan<byte> frame)
    {
        byte[]? answer = Answer(frame, out bool isForEver);
        if (answer is not null && isForEver)
        {
            Flood(answer);
        }
        else if (answer is not null)
        {
            AddTo(_answers, answer);
        }
    }

    private void SendAnswers()
    {
        if (_answers.Count != 0)
        {
            Send([.. _answers]);
            _answers.Clear();
        }
    }

    private void Flood(byte[] frame)
    {
        if (_isFlooding)
        {
            return;
        }

        _isFlooding = true;
        List<byte> frames = [];
        for (int i = 0; i < FloodFrames; i++)
        {
            AddTo(frames, frame);
        }

        byte[] message = [.. frames];
        new Thread(() => SendForEver(message)) { IsBackground = true, Name = "flood" }.Start();
    }

    private void SendForEver(byte[] message)
    {
        try
        {
            while (true)
            {
                Send(message);
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The guest has ended.
        }
    }

    private void Send(byte[] message)
    {
        lock (_sending)
        {
            for (int sent = 0; sent < message.Length;)
            {
                sent += _connection!.Send(message.AsSpan(sent));
            }
        }
    }

    private static void AddTo(List<byte> frames, byte[] frame)
    {
        Span<byte> length = stackalloc byte[LengthSize];
        BinaryPrimitives.WriteInt32BigEndian(length, frame.Length);
        frames.AddRange(length);
        frames.AddRange(frame);
    }
}
