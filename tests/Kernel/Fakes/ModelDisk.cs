using System;
using System.Buffers;
using System.Threading;
using NUnit.Framework;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Tests;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services.Block;
using VirtioGuest.Simulation;
using BlockStatus = VirtioGuest.Devices.Block.BlockStatus;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>
/// A disk over the block device model whose requests are small and few, which completes them when it likes and fails
/// where it is told to.
/// </summary>
internal sealed class ModelDisk : IDisposable
{
    private const int SizeMaxField = 8;
    private const int SegMaxField = 12;
    private const int BlockSizeField = 20;
    private const uint ReadType = 0;
    private const ulong LookNanoseconds = 10_000_000;

    private readonly ModelBench<BlockDevice> _bench;
    private readonly Faults _faults;
    private readonly HeldBackCompletion _held = new();
    private readonly Random _random = new(1);
    private readonly Thread? _completer;
    private bool _isOver;

    /// <param name="sectors">The disk's size.</param>
    /// <param name="requestSectors">How much a request moves at most.</param>
    /// <param name="segments">How many segments a request may have.</param>
    /// <param name="requests">How many requests there are with buffers of their own.</param>
    /// <param name="limit">How long one may take.</param>
    /// <param name="isSlow">Whether requests wait, and are completed out of order while somebody else runs.</param>
    /// <param name="isStuck">Whether requests, and resets, are never answered.</param>
    /// <param name="isReadOnly">Whether it refuses writes.</param>
    /// <param name="blockSize">Its block size.</param>
    public ModelDisk(
        int sectors,
        int requestSectors = 8,
        int segments = 1,
        int requests = 4,
        TimeSpan limit = default,
        bool isSlow = false,
        bool isStuck = false,
        bool isReadOnly = false,
        uint blockSize = Disk.SectorSize)
    {
        _bench = DiskBench.Create(sectors);
        BlockDevice model = _bench.Model;
        model.OfferedFeatures |= BlockFeature.SizeMaximum | BlockFeature.SegmentMaximum | BlockFeature.Flush
            | BlockFeature.BlockSize | (isReadOnly ? BlockFeature.ReadOnly : 0);
        _bench.SetField(SizeMaxField, (uint)(requestSectors * Disk.SectorSize / segments));
        _bench.SetField(SegMaxField, (uint)segments);
        _bench.SetField(BlockSizeField, blockSize);

        // A header, data and a status for each.
        _bench.SetQueueSize((ushort)((3 * requests) + (requests % 2)));
        _faults = new Faults(this);
        model.Faults = _faults;
        Disk? disk = Disk.TryCreate(_bench.OpenTransport(), "disk0", limit, out Failure? failure);
        Assert.That(disk, Is.Not.Null, failure?.ToString());
        Disk = disk!;
        if (isSlow || isStuck)
        {
            model.Queues[0].Policy = _held;
        }

        // Time passes as fast as somebody looks at the clock.
        _bench.Machine.Time.OnLook = () => _bench.Machine.Time.Advance(LookNanoseconds);
        model.ResetDelay = isStuck ? int.MaxValue : 0;
        _bench.ExpectsViolations = isStuck;
        model.OnRegisterWrite = null;
        if (isSlow)
        {
            model.RunsWhenNotified = false;
            _bench.Machine.AfterRead = CompleteOne;
            _completer = new Thread(LookAllTheTime) { IsBackground = true };
            _completer.Start();
        }
    }

    public Disk Disk { get; }

    public Span<byte> Content => _bench.Model.Disk;

    /// <summary>How many pieces of memory a driver has had for its device.</summary>
    public int Allocated => _bench.Machine.Memory.Allocated;

    public int Flushes => _bench.Model.Flushes;

    /// <summary>Requests that touch this sector fail.</summary>
    public ulong? BadSector { get; set; }

    /// <summary>Whoever reads this sector finds its first byte inverted, from then on.</summary>
    public ulong? SpoiltSector { get; set; }

    public int LargestInFlight { get; private set; }

    public int Requests { get; private set; }

    /// <summary>Takes every request with a buffer that nobody has, and says how many there were.</summary>
    public int CountFree()
    {
        int count = 0;
        while (Disk.TryRent() is not null)
        {
            count++;
        }

        return count;
    }

    /// <summary>Allocates memory that no driver knows of, but that devices reach, page by page.</summary>
    public Memory<byte> AllocateMemory(int length) =>
        new Buffer(_bench.Machine.Memory.AllocateBuffer((uint)length)).Memory;

    /// <summary>Lets requests go that the device has kept.</summary>
    public void Release(int count)
    {
        _held.Release(count);
        _bench.Model.Run();
    }

    public void Dispose()
    {
        Volatile.Write(ref _isOver, true);
        Assert.That(_completer?.Join(TimeSpan.FromSeconds(10)), Is.Not.False);
        _bench.Machine.AfterRead = null;
        Disk.Remove();
        _bench.Dispose();
    }

    private void LookAllTheTime()
    {
        while (!Volatile.Read(ref _isOver))
        {
            // It reads registers of the device while it keeps everybody else from it.
            Disk.LookAtClock();
            Thread.Yield();
        }
    }

    private void CompleteOne()
    {
        _bench.Model.Run();
        int finished = _bench.Model.Queues[0].Finished;
        if (finished > 0)
        {
            _bench.Complete(_held, _random.Next(finished));
        }
    }

    private sealed class Faults(ModelDisk disk) : BlockFaults
    {
        public override BlockStatus? Fault(uint type, ulong sector, ulong length)
        {
            disk.Requests++;
            disk.LargestInFlight = Math.Max(disk.LargestInFlight, disk.Disk.Device.Queue(0).InFlight);
            if (type == ReadType && Covers(disk.SpoiltSector))
            {
                disk.Content[(int)disk.SpoiltSector! * Disk.SectorSize] ^= 0xFF;
            }

            return Covers(disk.BadSector) ? BlockStatus.IoError : null;

            bool Covers(ulong? one) => one >= sector && one < sector + (length / Disk.SectorSize);
        }
    }

    private sealed unsafe class Buffer(SimulatedBuffer buffer) : MemoryManager<byte>
    {
        public override Span<byte> GetSpan() => new(buffer.Address, (int)buffer.Length);

        public override MemoryHandle Pin(int elementIndex = 0) => new(buffer.Address + elementIndex);

        public override void Unpin()
        {
        }

        protected override void Dispose(bool disposing)
        {
        }
    }
}
