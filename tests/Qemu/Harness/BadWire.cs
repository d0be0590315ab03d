using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Threading;
using VirtioGuest.Net.Tests.Simulation;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>What a wire does to frames: chances in a thousand, drawn from a seed.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="Lost">They do not arrive.</param>
/// <param name="Repeated">They arrive twice.</param>
/// <param name="Delayed">They arrive up to 20 ms later, behind others.</param>
/// <param name="Corrupted">They arrive with a bit turned over; ARP, which has no checksum, is spared.</param>
public sealed record WireWeather(int Seed, int Lost, int Repeated, int Delayed, int Corrupted);

/// <summary>A cable between a guest and the host's own stack, on which frames come to harm.</summary>
/// <remarks>
/// The host's end is a tap, so that its TCP is the peer. That needs no queueing discipline (netem), which not every
/// kernel has.
/// </remarks>
public sealed class BadWire : IDisposable
{
    private const int LongestFrame = 65536;

    private readonly TapLink _tap;
    private readonly NetworkPeer _guest;
    private readonly FileStream _host;
    private readonly Direction _toGuest;
    private readonly Direction _toHost;

    /// <summary>Lays the cable.</summary>
    /// <param name="folder">Where the guest's end is; a short path.</param>
    /// <param name="weather">What happens on it.</param>
    public BadWire(string folder, WireWeather weather)
    {
        _tap = new TapLink();
        _host = _tap.Open();
        _guest = new NetworkPeer(Path.Combine(folder, "wire")) { KeepsFrames = false };
        _toGuest = new Direction(weather, _guest.Send);
        _toHost = new Direction(weather with { Seed = ~weather.Seed }, frame => _host.Write(frame));
        _guest.OnFrame = _toHost.Send;
        new Thread(ReadHost) { IsBackground = true, Name = "host end" }.Start();
    }

    /// <summary>What the guest's network card is connected to, in QEMU's words.</summary>
    public string Netdev => _guest.Netdev;

    /// <summary>The first three numbers of its addresses; the host is 1.</summary>
    public string Network => _tap.Network;

    /// <summary>What came to harm so far, for people.</summary>
    public string Damage => $"to the guest: {_toGuest}; to the host: {_toHost}";

    /// <summary>How many frames came to harm so far.</summary>
    public int Harmed => _toGuest.Harmed + _toHost.Harmed;

    /// <inheritdoc/>
    public void Dispose()
    {
        _toGuest.Dispose();
        _toHost.Dispose();

        // Ends the thread that reads from it.
        _tap.Dispose();
        _guest.Dispose();
        _host.Dispose();
    }

    private void ReadHost()
    {
        byte[] buffer = new byte[LongestFrame];
        try
        {
            while (_host.Read(buffer) is > 0 and int count)
            {
                if (_guest.IsConnected)
                {
                    _toGuest.Send(buffer[..count]);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException)
        {
            // The tap has gone.
        }
    }

    /// <summary>One way: a queue by time, and a thread that delivers.</summary>
    private sealed class Direction : IDisposable
    {
        private const int LongestDelayMilliseconds = 20;

        private readonly object _gate = new();
        private readonly PriorityQueue<byte[], (long Time, long Order)> _queue = new();
        private readonly WireWeather _weather;
        private readonly Action<byte[]> _deliver;
        private readonly Random _random;
        private readonly Thread _thread;
        private long _order;
        private int _lost;
        private int _repeated;
        private int _delayed;
        private int _corrupted;
        private bool _isOver;

        public Direction(WireWeather weather, Action<byte[]> deliver)
        {
            _weather = weather;
            _deliver = deliver;
            _random = new Random(weather.Seed);
            _thread = new Thread(Deliver) { IsBackground = true, Name = "wire" };
            _thread.Start();
        }

        public int Harmed => _lost + _repeated + _delayed + _corrupted;

        public override string ToString() =>
            $"{_order} frames, {_lost} lost, {_repeated} repeated, {_delayed} delayed, {_corrupted} corrupted";

        public void Send(byte[] frame)
        {
            const int Arp = 0x0806;
            lock (_gate)
            {
                if (Happens(_weather.Lost, ref _lost))
                {
                    return;
                }

                if (Frames.WordAt(frame, 12) != Arp && Happens(_weather.Corrupted, ref _corrupted))
                {
                    frame[_random.Next(14, frame.Length)] ^= (byte)(1 << _random.Next(8));
                }

                int copies = Happens(_weather.Repeated, ref _repeated) ? 2 : 1;
                for (int i = 0; i < copies; i++)
                {
                    int delay = Happens(_weather.Delayed, ref _delayed)
                        ? _random.Next(1, LongestDelayMilliseconds)
                        : 0;
                    long time = Stopwatch.GetTimestamp() + (delay * Stopwatch.Frequency / 1000);
                    _queue.Enqueue(frame, (time, _order++));
                }

                Monitor.Pulse(_gate);
            }
        }

        public void Dispose()
        {
            lock (_gate)
            {
                _isOver = true;
                Monitor.Pulse(_gate);
            }

            _thread.Join(Deadlines.Monitor);
        }

        private bool Happens(int chance, ref int count)
        {
            bool happens = _random.Next(1000) < chance;
            count += happens ? 1 : 0;
            return happens;
        }

        private void Deliver()
        {
            try
            {
                while (Take() is byte[] frame)
                {
                    _deliver(frame);
                }
            }
            catch (Exception e) when (e is IOException or System.Net.Sockets.SocketException or ObjectDisposedException)
            {
                // The guest has ended, or the tap has gone.
            }
        }

        private byte[]? Take()
        {
            lock (_gate)
            {
                while (!_isOver)
                {
                    if (!_queue.TryPeek(out byte[]? frame, out (long Time, long Order) due))
                    {
                        Monitor.Wait(_gate);
                        continue;
                    }

                    TimeSpan wait = Stopwatch.GetElapsedTime(Stopwatch.GetTimestamp(), due.Time);
                    if (wait <= TimeSpan.Zero)
                    {
                        _queue.Dequeue();
                        return frame;
                    }

                    Monitor.Wait(_gate, wait);
                }

                return null;
            }
        }
    }
}
