using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A disk in memory, which completes requests when it likes and fails where it is told to.</summary>
internal sealed class FakeDisk : Disk
{
    private readonly List<Request> _pending = [];
    private readonly int _transferSectors;
    private readonly Random _random = new(1);
    private bool _isGone;

    public FakeDisk(int sectors, int transferSectors = 8, int maximumTransfers = 4, TimeSpan? timeout = null)
        : base("disk0", maximumTransfers, new RequestWatch("disk0", new Clock(), new Log(), timeout ?? TimeSpan.Zero))
    {
        Content = new byte[sectors * SectorSize];
        _transferSectors = transferSectors;
    }

    public byte[] Content { get; }

    /// <summary>Whether requests wait and are completed out of order, on other threads.</summary>
    public bool IsSlow { get; init; }

    /// <summary>Whether requests are never answered.</summary>
    public bool IsStuck { get; set; }

    /// <summary>Requests that touch this sector fail.</summary>
    public ulong? BadSector { get; set; }

    public bool RefusesWrites { get; init; }

    /// <summary>The block size; it fails nothing by itself.</summary>
    public uint Block { get; init; } = SectorSize;

    public int LargestInFlight { get; private set; }

    public int Requests { get; private set; }

    public int Flushes { get; private set; }

    public int CreatedTransfers { get; private set; }

    public override ulong SectorCount => (ulong)(Content.Length / SectorSize);

    public override uint BlockSize => Block;

    public override bool IsReadOnly => RefusesWrites;

    public override bool IsUsable => !_isGone;

    /// <summary>Takes every transfer that nobody has, and says how many there were.</summary>
    public int CountFree()
    {
        int count = 0;
        while (TryRent() is not null)
        {
            count++;
        }

        return count;
    }

    protected override DiskTransfer? CreateTransfer()
    {
        CreatedTransfers++;
        return new Transfer(new byte[_transferSectors * SectorSize]);
    }

    protected override BlockStatus Submit(DiskTransfer transfer, BlockOperation operation, ulong firstSector, int count)
    {
        Begin(transfer);
        var request = new Request(transfer, operation, firstSector, count);
        lock (_pending)
        {
            Requests++;
            _pending.Add(request);
            LargestInFlight = Math.Max(LargestInFlight, _pending.Count);
        }

        if (IsStuck)
        {
            return BlockStatus.Ok;
        }

        if (IsSlow)
        {
            ThreadPool.QueueUserWorkItem(_ => CompleteOne());
        }
        else
        {
            CompleteOne();
        }

        return BlockStatus.Ok;
    }

    protected override void ResetOverdue()
    {
        _isGone = true;
        lock (_pending)
        {
            foreach (Request request in _pending)
            {
                request.Transfer.Complete(BlockStatus.TimedOut);
            }

            _pending.Clear();
        }
    }

    protected override void Poll()
    {
    }

    private void CompleteOne()
    {
        Request request;
        lock (_pending)
        {
            int index = _random.Next(_pending.Count);
            request = _pending[index];
            _pending.RemoveAt(index);
            Perform(request);
        }

        bool isWhole = (request.First | (uint)request.Count) % (BlockSize / SectorSize) == 0;
        bool isBad = BadSector is { } bad
            && bad >= request.First && bad < request.First + (ulong)request.Count;
        request.Transfer.Complete(!isWhole ? BlockStatus.Unaligned : isBad ? BlockStatus.IoError : BlockStatus.Ok);
    }

    private void Perform(Request request)
    {
        Span<byte> range = Content.AsSpan((int)request.First * SectorSize, request.Count * SectorSize);
        switch (request.Operation)
        {
            case BlockOperation.Read:
                range.CopyTo(request.Transfer.Data);
                break;
            case BlockOperation.Write:
                request.Transfer.Data[..range.Length].CopyTo(range);
                break;
            default:
                Flushes++;
                break;
        }
    }

    private sealed record Request(DiskTransfer Transfer, BlockOperation Operation, ulong First, int Count);

    private sealed class Clock : MonotonicClock
    {
        public override ulong Nanoseconds => (ulong)Stopwatch.GetElapsedTime(0).TotalMicroseconds * 1000;

        public override void Relax() => Thread.Sleep(1);
    }

    private sealed class Log : DeviceLog
    {
        public override void Information(string message) => TestContext.Progress.WriteLine(message);

        public override void Warning(string message) => TestContext.Progress.WriteLine("warning: " + message);
    }

    private sealed class Transfer(byte[] data) : DiskTransfer
    {
        public override Span<byte> Data => data;
    }
}
