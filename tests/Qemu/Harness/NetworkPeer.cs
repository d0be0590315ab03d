using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Net.Sockets;
using System.Threading;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// The other end of a guest's network cable: a socket on which every Ethernet frame follows its length, as QEMU's
/// <c>-netdev stream</c> has it.
/// </summary>
public sealed class NetworkPeer : IDisposable
{
    private readonly Socket _listener;
    private readonly Thread _thread;
    private readonly List<byte[]> _received = [];
    private readonly Lock _gate = new();
    private readonly Lock _sending = new();
    private volatile Socket? _connection;

    /// <summary>Waits for a guest, which has to come with <see cref="Netdev"/>.</summary>
    /// <param name="path">Where the socket is to be; a short path.</param>
    public NetworkPeer(string path)
    {
        Netdev = $"stream,server=off,addr.type=unix,addr.path={path}";
        _listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        _listener.Bind(new UnixDomainSocketEndPoint(path));
        _listener.Listen(1);
        _thread = new Thread(Read) { IsBackground = true, Name = "network peer" };
        _thread.Start();
    }

    /// <summary>What a guest's network card is connected to, in QEMU's words.</summary>
    public string Netdev { get; }

    /// <summary>Whether the guest is there.</summary>
    public bool IsConnected => _connection is not null;

    /// <summary>Whether <see cref="Received"/> has the guest's frames.</summary>
    public bool KeepsFrames { get; init; } = true;

    /// <summary>What is done with each frame of the guest's; called on a thread of its own.</summary>
    public Action<byte[]> OnFrame { get; set; } = _ => { };

    /// <summary>The frames of the guest's so far.</summary>
    public byte[][] Received
    {
        get
        {
            lock (_gate)
            {
                return [.. _received];
            }
        }
    }

    /// <summary>Sends a frame to the guest.</summary>
    public void Send(byte[] frame)
    {
        byte[] message = new byte[sizeof(int) + frame.Length];
        BinaryPrimitives.WriteInt32BigEndian(message, frame.Length);
        frame.CopyTo(message, sizeof(int));
        lock (_sending)
        {
            _connection!.Send(message);
        }
    }

    /// <summary>Waits until the guest has sent what it should.</summary>
    /// <param name="choose">What of all frames so far; null where it is not there yet.</param>
    /// <returns>What was chosen, or null where it did not come in time.</returns>
    public T? WaitFor<T>(Func<byte[][], T?> choose)
        where T : class
    {
        long deadline = Environment.TickCount64 + (long)Deadlines.Command.TotalMilliseconds;
        while (true)
        {
            T? chosen = choose(Received);
            if (chosen is not null || Environment.TickCount64 > deadline)
            {
                return chosen;
            }

            Thread.Sleep(10);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _listener.Dispose();
        _connection?.Dispose();
        _thread.Join(Deadlines.Monitor);
    }

    private void Read()
    {
        try
        {
            _connection = _listener.Accept();
            byte[] length = new byte[sizeof(int)];
            while (TryFill(length))
            {
                byte[] frame = new byte[BinaryPrimitives.ReadInt32BigEndian(length)];
                if (!TryFill(frame))
                {
                    return;
                }

                if (KeepsFrames)
                {
                    lock (_gate)
                    {
                        _received.Add(frame);
                    }
                }

                OnFrame(frame);
            }
        }
        catch (Exception exception) when (exception is SocketException or ObjectDisposedException)
        {
            // The guest has ended, or the test.
        }
    }

    private bool TryFill(byte[] buffer)
    {
        int count = 0;
        while (count < buffer.Length)
        {
            int read = _connection!.Receive(buffer.AsSpan(count));
            if (read == 0)
            {
                return false;
            }

            count += read;
        }

        return true;
    }
}
