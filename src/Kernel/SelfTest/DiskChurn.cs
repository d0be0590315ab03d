using System;
using System.Collections.Generic;
using System.Threading;
using System.Threading.Tasks;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Block;
using VirtioGuest.Commands.Data;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Kernel.Shell;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>
/// Does the operations of a <see cref="ChurnSequence"/> with many of them in flight, and compares all that it reads
/// with what must be there.
/// </summary>
/// <remarks>
/// <para>
/// Operations begin in their order. One that conflicts with another in flight waits for it, and those behind it wait
/// with it: so the content of the disk follows from the sequence alone.
/// </para>
/// <para>
/// Data lies in new arrays at odd places, is spoilt before a read and after a write, and is left to the garbage
/// collector: a device that is late, or works on memory that has moved, shows.
/// </para>
/// </remarks>
internal sealed class DiskChurn
{
    /// <summary>The most operations in flight.</summary>
    public const int MostInFlight = 128;

    /// <summary>The most sectors that a churn keeps account of.</summary>
    public const ulong MostSectors = 1 << 20;

    private const ulong Unknown = 0;
    private const ulong Zeroes = 1;
    private const ulong FirstWrite = 2;

    // Discards and writes of zeroes have blocking calls only.
    private const int RangeThreads = 4;
    private const int RangeStackSize = 256 * 1024;

    private const ulong ResetEvery = 64;
    private const int OddPlaces = 61;
    private const int PieceEvery = 4;
    private const byte Spoilt = 0xA5;

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(50);

    private readonly ShellDisk _shown;
    private readonly Disk _disk;
    private readonly ChurnSequence _sequence;
    private readonly ShellContext _shell;
    private readonly ulong _firstSector;
    private readonly ulong _count;
    private readonly ulong[] _lastChange;
    private readonly bool _resets;
    private readonly List<Request> _inFlight = [];
    private readonly object _gate = new();
    private readonly Queue<Request> _ended = new();
    private readonly Queue<Request> _ranges = new();
    private bool _isOver;
    private ulong _next;
    private ulong _durable;
    private string? _failure;

    /// <summary>Prepares a churn.</summary>
    /// <param name="disk">The disk.</param>
    /// <param name="firstSector">The first sector of a range of whole blocks that lies on it.</param>
    /// <param name="count">How many it has, 1 to <see cref="MostSectors"/>.</param>
    /// <param name="sequence">What to do to that range.</param>
    /// <param name="shell">Who is told, and may interrupt it.</param>
    /// <param name="resets">
    /// Whether the device is reset every now and then, and in between, where it can do that, a queue of it alone.
    /// </param>
    public DiskChurn(
        ShellDisk disk, ulong firstSector, ulong count, ChurnSequence sequence, ShellContext shell, bool resets)
    {
        _resets = resets;
        _shown = disk;
        _disk = disk.Disk;
        _sequence = sequence;
        _shell = shell;
        _firstSector = firstSector;
        _count = count;
        _lastChange = new ulong[count];
    }

    /// <summary>How many operations have begun; after <see cref="Run"/>, all of them have ended.</summary>
    public ulong Begun => _next;

    /// <summary>How often the device was reset in the middle of them.</summary>
    public int DeviceResets { get; private set; }

    /// <summary>How often a queue of it was.</summary>
    public int QueueResets { get; private set; }

    /// <summary>Does a number of operations and compares the whole range at the end.</summary>
    /// <param name="operations">How many.</param>
    /// <param name="depth">How many may be in flight, 1 to <see cref="MostInFlight"/>.</param>
    /// <returns>What went wrong, in words; null where nothing did, or it was interrupted.</returns>
    public string? Run(ulong operations, int depth)
    {
        for (int thread = 0; thread < RangeThreads; thread++)
        {
            new Thread(ChangeRanges, RangeStackSize) { IsBackground = true }.Start();
        }

        try
        {
            do
            {
                Begin(operations, depth);
                TakeEnded();
            }
            while (_inFlight.Count != 0 || (_next != operations && MayGoOn));
        }
        finally
        {
            lock (_gate)
            {
                _isOver = true;
                Monitor.PulseAll(_gate);
            }
        }

        if (MayGoOn)
        {
            Failure? failure = _shown.ReadRange(_firstSector, _count, new Comparison(this));
            _failure ??= failure is null ? null : "the comparison at the end: " + failure.Of("the device");
        }

        return _failure;
    }

    private bool MayGoOn => _failure is null && !_shell.IsInterrupted;

    private void Begin(ulong operations, int depth)
    {
        while (_next != operations && _inFlight.Count < depth && MayGoOn)
        {
            ChurnOperation operation = _sequence.Operation(_next);
            foreach (Request other in _inFlight)
            {
                if (operation.ConflictsWith(other.Operation))
                {
                    return;
                }
            }

            var request = new Request(_next, operation, _inFlight.Count == 0 ? _next : _inFlight[0].Number);
            _inFlight.Add(request);
            _next++;
            Begin(request);
            if (_resets && _next % ResetEvery == 0)
            {
                Reset();
            }
        }
    }

    private void Reset()
    {
        bool isQueueOnly = _next / ResetEvery % 2 != 0;
        BlockStatus status = isQueueOnly ? _disk.ResetQueue() : _disk.Reset();
        if (status == BlockStatus.Ok)
        {
            QueueResets += isQueueOnly ? 1 : 0;
            DeviceResets += isQueueOnly ? 0 : 1;
        }
        else if (status != BlockStatus.NotOffered)
        {
            _failure ??= $"a reset before operation {_next}: {status.Describe()}";
        }
    }

    private void Begin(Request request)
    {
        ChurnOperation operation = request.Operation;
        int length = (int)operation.Count * SectorDevice.SectorSize;
        switch (operation.Kind)
        {
            case ChurnKind.Write:
                request.Data = NewData(request.Number, length);
                SectorPattern.Fill(
                    request.Data.Span, operation.FirstSector, _sequence.ContentSeed(request.Number));
                Account(operation, FirstWrite + request.Number);
                request.Moving = MoveAsync(request);
                break;
            case ChurnKind.Read:
                request.Data = NewData(request.Number, length);
                request.Data.Span.Fill(Spoilt);
                request.Moving = MoveAsync(request);
                break;
            case ChurnKind.Flush:
                request.Moving = MoveAsync(request);
                break;
            default:
                Account(operation, operation.Kind == ChurnKind.WriteZeroes ? Zeroes : Unknown);
                lock (_gate)
                {
                    _ranges.Enqueue(request);
                    Monitor.PulseAll(_gate);
                }

                break;
        }
    }

    private static Memory<byte> NewData(ulong number, int length)
    {
        int place = (int)(number % OddPlaces);
        return new byte[place + length].AsMemory(place);
    }

    // What is in flight excludes whatever would see or change it meanwhile.
    private void Account(in ChurnOperation operation, ulong change) =>
        _lastChange.AsSpan((int)(operation.FirstSector - _firstSector), (int)operation.Count).Fill(change);

    private async Task MoveAsync(Request request)
    {
        ulong first = request.Operation.FirstSector;
        bool isInPieces = request.Number % PieceEvery == 0;
        try
        {
            request.Status = request.Operation.Kind switch
            {
                ChurnKind.Flush => await _disk.FlushAsync().ConfigureAwait(false),
                ChurnKind.Read when isInPieces =>
                    await _disk.ReadAsync(first, InPieces(request.Data)).ConfigureAwait(false),
                ChurnKind.Read => await _disk.ReadAsync(first, request.Data).ConfigureAwait(false),
                _ when isInPieces => await _disk.WriteAsync(first, InPieces(request.Data)).ConfigureAwait(false),
                _ => await _disk.WriteAsync(first, request.Data).ConfigureAwait(false),
            };
        }
        finally
        {
            End(request);
        }
    }

    private Memory<byte>[] InPieces(Memory<byte> data)
    {
        int block = (int)_disk.BlockSize;
        return data.Length == block ? [data] : [data[..block], data[block..]];
    }

    private void ChangeRanges()
    {
        while (true)
        {
            Request? request;
            lock (_gate)
            {
                while (!_ranges.TryDequeue(out request))
                {
                    if (_isOver)
                    {
                        return;
                    }

                    Monitor.Wait(_gate);
                }
            }

            ChurnOperation operation = request.Operation;
            request.Status = operation.Kind == ChurnKind.Discard
                ? _disk.Discard(operation.FirstSector, operation.Count)
                : _disk.WriteZeroes(operation.FirstSector, operation.Count, mayUnmap: request.Number % 2 == 0);
            End(request);
        }
    }

    private void End(Request request)
    {
        lock (_gate)
        {
            _ended.Enqueue(request);
            Monitor.PulseAll(_gate);
        }
    }

    private void TakeEnded()
    {
        while (_inFlight.Count != 0)
        {
            Request? request;
            lock (_gate)
            {
                if (!_ended.TryDequeue(out request))
                {
                    Monitor.Wait(_gate, s_pollInterval);
                    if (!_ended.TryDequeue(out request))
                    {
                        continue;
                    }
                }
            }

            _inFlight.Remove(request);
            Look(request);
            lock (_gate)
            {
                if (_ended.Count == 0)
                {
                    return;
                }
            }
        }
    }

    private void Look(Request request)
    {
        request.Moving?.GetAwaiter().GetResult();
        ChurnOperation operation = request.Operation;
        if (_shown.Failure(request.Status, operation.FirstSector, operation.Count) is { } failure)
        {
            _failure ??= Describe(request) + ": " + failure.Of("the device");
            return;
        }

        switch (operation.Kind)
        {
            case ChurnKind.Write:
                request.Data.Span.Fill(Spoilt);
                break;
            case ChurnKind.Read:
                string? difference = FindDifference(operation.FirstSector, request.Data.Span);
                _failure ??= difference is null ? null : Describe(request) + ": " + difference;
                break;
            case ChurnKind.Flush:
                _durable = Math.Max(_durable, request.DoneBefore);
                _shell.Output.WriteLine("durable: " + _durable.ToString());
                break;
        }
    }

    /// <summary>Compares sectors with what the last operations on them have left there.</summary>
    /// <returns>What is wrong, in words, or null.</returns>
    private string? FindDifference(ulong sector, ReadOnlySpan<byte> data)
    {
        while (!data.IsEmpty)
        {
            ReadOnlySpan<ulong> changes = _lastChange.AsSpan((int)(sector - _firstSector));
            ulong change = changes[0];
            int sectors = changes[..(data.Length / SectorDevice.SectorSize)].IndexOfAnyExcept(change);
            int length = sectors < 0 ? data.Length : sectors * SectorDevice.SectorSize;
            int offset = change switch
            {
                Unknown => -1,
                Zeroes => data[..length].IndexOfAnyExcept((byte)0),
                _ => SectorPattern.FindDifference(
                    data[..length], sector, _sequence.ContentSeed(change - FirstWrite)),
            };
            if (offset >= 0)
            {
                string expected = change == Zeroes
                    ? "zeroes"
                    : "what operation " + (change - FirstWrite).ToString() + " wrote";
                return $"sector {sector + ((uint)offset / SectorDevice.SectorSize)} differs at byte "
                    + $"{offset % SectorDevice.SectorSize} from {expected}";
            }

            data = data[length..];
            sector += (uint)length / SectorDevice.SectorSize;
        }

        return null;
    }

    private static string Describe(Request request)
    {
        string kind = request.Operation.Kind switch
        {
            ChurnKind.Write => "a write",
            ChurnKind.Read => "a read",
            ChurnKind.Discard => "a discard",
            ChurnKind.WriteZeroes => "a write of zeroes",
            _ => "a flush",
        };
        string range = request.Operation.Kind == ChurnKind.Flush
            ? ""
            : $" of {request.Operation.Count} sectors starting at {request.Operation.FirstSector}";
        return $"operation {request.Number}, {kind}{range}";
    }

    /// <summary>An operation in flight.</summary>
    private sealed class Request(ulong number, ChurnOperation operation, ulong doneBefore)
    {
        public ulong Number { get; } = number;

        public ChurnOperation Operation { get; } = operation;

        /// <summary>All operations below had ended when this one began.</summary>
        public ulong DoneBefore { get; } = doneBefore;

        public Memory<byte> Data { get; set; }

        public Task? Moving { get; set; }

        public BlockStatus Status { get; set; } = BlockStatus.NoStatus;
    }

    private sealed class Comparison(DiskChurn churn) : SectorVisitor
    {
        public override bool Visit(ulong sector, ReadOnlySpan<byte> data)
        {
            string? difference = churn.FindDifference(sector, data);
            churn._failure ??= difference is null ? null : "at the end, " + difference;
            return churn.MayGoOn;
        }
    }
}
