using System;
using System.Diagnostics;
using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services.Capture;

/// <summary>What ends a capture by itself; the end of the room does as well.</summary>
/// <param name="Frames">How many frames; null for any number.</param>
/// <param name="Time">How long; null for ever.</param>
internal readonly record struct CaptureLimit(long? Frames, TimeSpan? Time);

/// <summary>Writes the frames of a stack to a capture file, until it is stopped or comes to its limit.</summary>
/// <remarks>
/// A frame is copied into a buffer of fixed size, or counted as dropped where there is no room; that allocates nothing
/// and waits for nobody but whoever copies out of it. A thread writes what is in the buffer.
/// </remarks>
internal sealed class FrameCapture : FrameObserver
{
    /// <summary>How many bytes of a frame are kept: all, of any that there can be.</summary>
    public const int SnapLength = NetworkStack.MaximumMtu + 14;

    /// <summary>How many bytes wait to be written at most.</summary>
    public const int BufferLength = 1 << 20;

    private const int LongestHeader = 256;
    private const int ChunkLength = 64 * 1024;
    private const long NanosecondsPerSecond = 1_000_000_000;

    private readonly object _gate = new();
    private readonly NetworkStack _stack;
    private readonly CaptureTarget _target;
    private readonly CaptureLimit _limit;
    private readonly Action<FrameCapture> _ended;
    private readonly Thread _thread;
    private readonly long _clockOffset;
    private readonly long _start;
    private readonly byte[] _buffer = new byte[BufferLength];
    private int _first;
    private int _count;
    private long _offered;
    private long _frames;
    private long _dropped;
    private bool _isStopping;
    private bool _isEnded;

    private FrameCapture(NetworkPort port, CaptureTarget target, CaptureLimit limit, Action<FrameCapture> ended)
    {
        _stack = port.Stack;
        _target = target;
        _limit = limit;
        _ended = ended;
        _clockOffset = ((DateTime.UtcNow - DateTime.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick) - Monotonic();
        _start = Now();
        Span<byte> header = stackalloc byte[LongestHeader];
        int length = Pcapng.WriteSectionHeader(header);
        length += Pcapng.WriteInterface(header[length..], port.Name, port.Link.Address, SnapLength);
        Append(header[..length]);
        _thread = new Thread(Run) { IsBackground = true, Name = port.Name + " capture" };
    }

    /// <summary>Where it goes.</summary>
    public CaptureTarget Target => _target;

    /// <summary>Why it failed; null where it did not.</summary>
    public Failure? Failure { get; private set; }

    /// <summary>Whether everything is written.</summary>
    public bool IsEnded
    {
        get
        {
            lock (_gate)
            {
                return _isEnded;
            }
        }
    }

    /// <summary>How far it is, for people.</summary>
    public string Progress
    {
        get
        {
            lock (_gate)
            {
                return $"frames {_frames}, dropped {_dropped}, bytes {_offered} {_target.Place}";
            }
        }
    }

    /// <summary>Begins.</summary>
    /// <param name="port">Whose frames are captured.</param>
    /// <param name="target">Where they go.</param>
    /// <param name="limit">What ends it.</param>
    /// <param name="ended">Called when it has ended, on a thread of its own.</param>
    public static FrameCapture Start(
        NetworkPort port, CaptureTarget target, CaptureLimit limit, Action<FrameCapture> ended)
    {
        var capture = new FrameCapture(port, target, limit, ended);
        capture._thread.Start();
        port.Stack.Observer = capture;
        return capture;
    }

    /// <summary>Ends it, and waits until everything is written and told.</summary>
    /// <param name="timeout">How long to wait at most.</param>
    /// <returns>Whether everything is.</returns>
    public bool Stop(TimeSpan timeout)
    {
        lock (_gate)
        {
            EndHere();
        }

        return _thread.Join(timeout);
    }

    /// <inheritdoc/>
    public override void OnFrame(ReadOnlySpan<byte> frame, bool isSent)
    {
        lock (_gate)
        {
            if (_isStopping)
            {
                return;
            }

            int captured = Math.Min(frame.Length, SnapLength);
            int length = Pcapng.PacketLength(captured);
            if (length > _target.Room - Pcapng.StatisticsLength - _offered)
            {
                EndHere();
                return;
            }

            if (length > BufferLength - _count)
            {
                _dropped++;
            }
            else
            {
                AppendPacket(frame, captured, isSent);
            }

            if (_frames == _limit.Frames)
            {
                EndHere();
            }
        }
    }

    private void AppendPacket(ReadOnlySpan<byte> frame, int captured, bool isSent)
    {
        const int LongestTrailer = 24;
        Span<byte> part = stackalloc byte[Pcapng.PacketHeaderLength];
        Pcapng.WritePacketHeader(part, Now(), captured, frame.Length);
        Append(part);
        Append(frame[..captured]);
        Span<byte> trailer = stackalloc byte[LongestTrailer];
        Append(trailer[..Pcapng.WritePacketTrailer(trailer, captured, isSent)]);
        _frames++;
        if (_count >= _target.Batch)
        {
            Monitor.Pulse(_gate);
        }
    }

    private void EndHere()
    {
        _isStopping = true;
        Monitor.Pulse(_gate);
    }

    private void Append(ReadOnlySpan<byte> bytes)
    {
        int end = (_first + _count) % BufferLength;
        int count = Math.Min(bytes.Length, BufferLength - end);
        bytes[..count].CopyTo(_buffer.AsSpan(end));
        bytes[count..].CopyTo(_buffer);
        _count += bytes.Length;
        _offered += bytes.Length;
    }

    private static long Monotonic() =>
        (long)((Int128)Stopwatch.GetTimestamp() * NanosecondsPerSecond / Stopwatch.Frequency);

    // The wall clock may be set; time stamps go on.
    private long Now() => Monotonic() + _clockOffset;

    private void Run()
    {
        byte[] chunk = new byte[ChunkLength];
        Failure? failure = null;
        int count;
        while (failure is null && (count = Take(chunk)) > 0)
        {
            failure = _target.Write(chunk.AsSpan(0, count));
        }

        _stack.Observer = null;
        Failure = failure ?? Finish();
        lock (_gate)
        {
            _isEnded = true;
        }

        _ended(this);
    }

    /// <summary>Waits until there is something worth writing.</summary>
    /// <returns>How many bytes; 0 at the end.</returns>
    private int Take(Span<byte> chunk)
    {
        lock (_gate)
        {
            while (_count < _target.Batch && !_isStopping)
            {
                TimeSpan left = _limit.Time is TimeSpan time
                    ? time - TimeSpan.FromTicks((Now() - _start) / TimeSpan.NanosecondsPerTick)
                    : Timeout.InfiniteTimeSpan;
                if (_limit.Time is not null && left <= TimeSpan.Zero)
                {
                    _isStopping = true;
                }
                else
                {
                    Monitor.Wait(_gate, left);
                }
            }

            int count = Math.Min(_count, chunk.Length);
            int whole = Math.Min(count, BufferLength - _first);
            _buffer.AsSpan(_first, whole).CopyTo(chunk);
            _buffer.AsSpan(0, count - whole).CopyTo(chunk[whole..]);
            _first = (_first + count) % BufferLength;
            _count -= count;
            return count;
        }
    }

    private Failure? Finish()
    {
        byte[] statistics = new byte[Pcapng.StatisticsLength];
        lock (_gate)
        {
            Pcapng.WriteStatistics(statistics, _start, Now(), _frames + _dropped, _dropped);
            _offered += statistics.Length;
        }

        return _target.Write(statistics) ?? _target.Finish();
    }
}
