using System;
using System.Globalization;
using System.Numerics;
using System.Text;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Data;
using VirtioGuest.Drivers.Virtio.Devices.Block;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services.Block;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>What is asked of a disk, how often, and how it is waited for.</summary>
internal sealed class DiskWorkload
{
    /// <summary>The longest request in bytes.</summary>
    public const uint LongestRequest = 16 * 1024 * 1024;

    private static readonly string[] s_operations = ["read", "write", "randread", "randwrite"];

    /// <summary>As it was written: <c>read</c>, <c>write</c>, <c>randread</c> or <c>randwrite</c>.</summary>
    public required string Name { get; init; }

    /// <summary>Bytes in a request, at least a sector.</summary>
    public required uint Size { get; init; }

    /// <summary>How many requests are submitted together and waited for, at least 1.</summary>
    public required int Depth { get; init; }

    /// <summary>How long, or how many requests, rounded up to a multiple of the depth.</summary>
    public required RunLength Length { get; init; }

    /// <summary>How it is waited.</summary>
    public WaitMode WaitMode { get; init; }

    /// <summary>Whether places are random, and not one after the other.</summary>
    public bool IsRandom => Name.StartsWith("rand", StringComparison.Ordinal);

    /// <summary>What each request does.</summary>
    public BlockOperation Operation =>
        Name.EndsWith("write", StringComparison.Ordinal) ? BlockOperation.Write : BlockOperation.Read;

    /// <summary>
    /// Reads a workload from the words of a command: OPERATION SIZE DEPTH SECONDS [poll|hybrid], or COUNTx for so many
    /// requests instead of a time, for runs in which instructions are counted.
    /// </summary>
    /// <returns>Null where they are none.</returns>
    public static DiskWorkload? TryParse(ReadOnlySpan<string> words)
    {
        var mode = WaitMode.Interrupt;
        bool isWorkload = words.Length is 4 or 5
            && (words.Length == 4 || TryParseMode(words[4], out mode))
            && Array.IndexOf(s_operations, words[0]) >= 0;
        if (!isWorkload
            || !TryParseSize(words[1], out uint size)
            || !Number.TryParse(words[2], out ulong depth) || depth is 0 or > BlockBenchmark.MaximumDepth
            || !RunLength.TryParse(words[3], out RunLength length))
        {
            return null;
        }

        return new DiskWorkload
        {
            Name = words[0],
            Size = size,
            Depth = (int)depth,
            Length = length,
            WaitMode = mode,
        };
    }

    private static bool TryParseMode(string text, out WaitMode mode)
    {
        mode = text == "poll" ? WaitMode.Polled : WaitMode.Hybrid;
        return text is "poll" or "hybrid";
    }

    // Bytes, or with K or M behind.
    private static bool TryParseSize(string text, out uint size)
    {
        uint unit = text.EndsWith('K') ? 1024u : text.EndsWith('M') ? 1024u * 1024 : 1;
        bool isNumber = Number.TryParse(unit == 1 ? text : text[..^1], out ulong number);
        bool isSize = isNumber && number > 0 && number <= LongestRequest / unit && number * unit % Disk.SectorSize == 0;
        size = isSize ? (uint)(number * unit) : 0;
        return isSize;
    }
}

/// <summary>
/// What a disk does, and what it costs, as a program of this kernel sees it: a batch of requests is submitted with one
/// notification, and waited for; then the next.
/// </summary>
internal sealed class DiskBenchmark
{
    private const int WarmUpBatches = 16;
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly Disk _disk;
    private readonly DiskWorkload _workload;
    private readonly ShellContext _shell;
    private readonly DiskBatch _batch;
    private readonly LatencyCount _latencies = new();
    private readonly int _sectors;
    private readonly ulong _places;
    private readonly ulong _ticksPerMillisecond = TimestampCounter.Kilohertz;
    private ulong _place;

    private DiskBenchmark(Disk disk, DiskWorkload workload, ShellContext shell, DiskBatch batch)
    {
        _disk = disk;
        _workload = workload;
        _shell = shell;
        _batch = batch;
        _sectors = (int)(workload.Size / Disk.SectorSize);
        _places = disk.SectorCount / (ulong)_sectors;
    }

    /// <summary>Puts a load on a disk.</summary>
    /// <param name="disk">The disk. Writes overwrite it.</param>
    /// <param name="workload">The load.</param>
    /// <param name="system">The machine's statistics.</param>
    /// <param name="shell">Who may interrupt it, and is told every second how far it came.</param>
    /// <param name="failure">Why there is no result; null where it was interrupted.</param>
    public static DiskBenchmarkResult? TryRun(
        Disk disk, DiskWorkload workload, SystemControl system, ShellContext shell, out Failure? failure)
    {
        if (workload.Size % disk.BlockSize != 0)
        {
            failure = new Failure($"a request has to be whole blocks of {disk.BlockSize} bytes", isSentence: true);
            return null;
        }

        if (disk.SectorCount < workload.Size / Disk.SectorSize)
        {
            failure = new Failure("is smaller than a request");
            return null;
        }

        using DiskBatch? batch = DiskBatch.TryCreate(disk, workload.Depth, workload.Size);
        if (batch is null)
        {
            failure = new Failure(disk.IsUsable ? "there is no memory for so much at a time" : "is out of use");
            return null;
        }

        WaitMode before = disk.WaitMode;
        try
        {
            disk.WaitMode = workload.WaitMode;
            return new DiskBenchmark(disk, workload, shell, batch).Run(system, out failure);
        }
        finally
        {
            disk.WaitMode = before;
            disk.Meter = null;
        }
    }

    private DiskBenchmarkResult? Run(SystemControl system, out Failure? failure)
    {
        for (int slot = 0; slot < _batch.Slots; slot++)
        {
            SectorPattern.Fill(_batch.Buffer(slot), (ulong)(slot * _sectors), _workload.Size);
        }

        BlockStatus status = BlockStatus.Ok;
        for (int i = 0; i < WarmUpBatches && status == BlockStatus.Ok; i++)
        {
            status = MoveBatch();
        }

        _latencies.Clear();
        bool isCounting = TickCount.IsCountingInstructions();
        var meter = TickMeter.Create();
        _disk.Meter = meter;
        ulong requests = 0;
        GuestMeter start = GuestMeter.Read(system, _disk.Device);
        var progress = new RunProgress(_workload.Length, _shell);
        while (status == BlockStatus.Ok && progress.GoesOn(requests))
        {
            status = MoveBatch();
            requests += (ulong)_workload.Depth;
        }

        GuestMeter end = GuestMeter.Read(system, _disk.Device);
        ulong busy = end.BusyTicksSince(start);
        failure = status == BlockStatus.Ok ? null : new Failure(status.Describe(), isSentence: true);
        return failure is not null || _shell.IsInterrupted ? null : new DiskBenchmarkResult
        {
            Disk = _disk.Name,
            Workload = _workload,
            RingFormat = _disk.Device.Describe().RingFormat,
            Requests = requests,
            Nanoseconds = end.Nanoseconds - start.Nanoseconds,
            IsCountingInstructions = isCounting,
            SubmitTicks = meter.Submit.Total,
            NotifyTicks = meter.Notify.Median * meter.Notify.Pairs,
            CompleteTicks = meter.Complete.Total,
            GuestTicks = busy - Math.Min(meter.OwnTicks, busy),
            Notifications = end.Notifications - start.Notifications,
            Interrupts = end.Interrupts - start.Interrupts,
            Median = NanosecondsAt(0.5),
            Percentile99 = NanosecondsAt(0.99),
            Percentile999 = NanosecondsAt(0.999),
            Longest = NanosecondsAt(1),
        };
    }

    private ulong NanosecondsAt(double share) =>
        (ulong)((UInt128)_latencies.At(share) * NanosecondsPerMillisecond / _ticksPerMillisecond);

    private BlockStatus MoveBatch()
    {
        for (int slot = 0; slot < _batch.Slots; slot++)
        {
            ulong place = _workload.IsRandom ? SplitMix64.Mix(_place) % _places : _place % _places;
            _place++;
            _batch.Prepare(slot, _workload.Operation, place * (ulong)_sectors, _sectors);
        }

        ulong begun = TimestampCounter.Read();
        BlockStatus result = _batch.SubmitAndWait();
        while (_batch.InFlight != 0)
        {
            ulong took = TimestampCounter.Read() - begun;
            while (_batch.TryTake(out _, out BlockStatus status))
            {
                _latencies.Add(took);
                result = result == BlockStatus.Ok ? status : result;
            }

            if (_batch.InFlight != 0)
            {
                _batch.Wait();
            }
        }

        return result;
    }
}

/// <summary>How often which times were measured, each to a sixteenth of itself.</summary>
internal sealed class LatencyCount
{
    private const int Bits = 4;
    private const int Steps = 1 << Bits;

    private readonly ulong[] _counts = new ulong[(64 - Bits + 1) * Steps];
    private ulong _total;

    /// <summary>Adds a time.</summary>
    public void Add(ulong time)
    {
        _counts[IndexOf(time)]++;
        _total++;
    }

    /// <summary>Forgets all.</summary>
    public void Clear()
    {
        Array.Clear(_counts);
        _total = 0;
    }

    /// <summary>The time that a share of all did not exceed; 0 where there are none.</summary>
    /// <param name="share">From 0 to 1.</param>
    public ulong At(double share)
    {
        ulong wanted = Math.Max((ulong)Math.Ceiling(_total * share), 1);
        ulong seen = 0;
        for (int index = 0; index < _counts.Length; index++)
        {
            seen += _counts[index];
            if (seen >= wanted)
            {
                return LastOf(index);
            }
        }

        return 0;
    }

    private static int IndexOf(ulong time)
    {
        int exponent = Math.Max(BitOperations.Log2(time) - Bits, 0);
        return exponent == 0 && time < Steps ? (int)time : ((exponent + 1) * Steps) + (int)((time >> exponent) - Steps);
    }

    private static ulong LastOf(int index)
    {
        if (index < Steps)
        {
            return (ulong)index;
        }

        int exponent = (index / Steps) - 1;
        ulong first = (ulong)((index % Steps) + Steps) << exponent;
        return first + (1UL << exponent) - 1;
    }
}

/// <summary>What a load on a disk came to.</summary>
internal sealed class DiskBenchmarkResult
{
    /// <summary>The disk.</summary>
    public required string Disk { get; init; }

    /// <summary>The load.</summary>
    public required DiskWorkload Workload { get; init; }

    /// <summary>The format of the ring: <c>packed</c> or <c>split</c>.</summary>
    public required string RingFormat { get; init; }

    /// <summary>How many requests there were, at least 1.</summary>
    public required ulong Requests { get; init; }

    /// <summary>How long it took.</summary>
    public required ulong Nanoseconds { get; init; }

    /// <summary>Whether ticks are instructions, as under QEMU's <c>-icount shift=0</c>.</summary>
    public required bool IsCountingInstructions { get; init; }

    /// <summary>Timestamp ticks in the driver's entry point that takes a request.</summary>
    public required ulong SubmitTicks { get; init; }

    /// <summary>Timestamp ticks in the driver's entry point that notifies the device.</summary>
    public required ulong NotifyTicks { get; init; }

    /// <summary>Timestamp ticks in the driver's entry points for completions and interrupts.</summary>
    public required ulong CompleteTicks { get; init; }

    /// <summary>Timestamp ticks of everything but the idle thread, the benchmark itself included.</summary>
    public required ulong GuestTicks { get; init; }

    /// <summary>How often the device was notified.</summary>
    public required ulong Notifications { get; init; }

    /// <summary>How often the device interrupted.</summary>
    public required ulong Interrupts { get; init; }

    /// <summary>Nanoseconds from the submission of a request until it was taken back: those of half of them.</summary>
    public required ulong Median { get; init; }

    /// <summary>That of 99 of 100.</summary>
    public required ulong Percentile99 { get; init; }

    /// <summary>That of 999 of 1,000.</summary>
    public required ulong Percentile999 { get; init; }

    /// <summary>That of all.</summary>
    public required ulong Longest { get; init; }

    private double Seconds => Math.Max(Nanoseconds, 1) / 1e9;

    private double Rate => Requests / Seconds;

    private double Megabytes => Rate * Workload.Size / 1e6;

    private ulong DriverTicks => SubmitTicks + NotifyTicks + CompleteTicks;

    private ulong RestTicks => GuestTicks - Math.Min(DriverTicks, GuestTicks);

    private string Wait => Workload.WaitMode switch
    {
        WaitMode.Polled => "poll",
        WaitMode.Hybrid => "hybrid",
        _ => "interrupt",
    };

    /// <summary>For people, in lines.</summary>
    public string Describe()
    {
        string ticks = IsCountingInstructions ? "instructions" : "ticks";
        var text = new StringBuilder();
        text.Append(Invariant($"{Disk}: {RingFormat} ring, {Workload.Name} of {Workload.Size} bytes, "));
        text.AppendLine(Invariant($"{Workload.Depth} at a time, by {Wait}, {Seconds:0.###} s"));
        text.AppendLine(Invariant($"requests: {Requests}, {Rate:0} per second, {Megabytes:0.0} MB/s"));
        text.Append(Invariant($"latency: {Median / 1e3:0.0} us at the median, 99 % {Percentile99 / 1e3:0.0} us, "));
        text.AppendLine(Invariant($"99.9 % {Percentile999 / 1e3:0.0} us, longest {Longest / 1e3:0.0} us"));
        text.Append(Invariant($"driver: {PerRequest(DriverTicks):0.0} {ticks} per request, of them "));
        text.Append(Invariant($"{PerRequest(SubmitTicks):0.0} to submit, {PerRequest(NotifyTicks):0.0} to notify, "));
        text.AppendLine(Invariant($"{PerRequest(CompleteTicks):0.0} to complete"));
        text.AppendLine(Invariant($"rest: {PerRequest(RestTicks):0.0} {ticks} per request"));
        text.AppendLine(Invariant($"notifications: {PerRequest(Notifications):0.0000} per request"));
        text.Append(Invariant($"interrupts: {PerRequest(Interrupts):0.0000} per request"));
        return text.ToString();
    }

    /// <summary>The same for programs, in one line.</summary>
    public string ToJson()
    {
        var text = new StringBuilder();
        text.Append(Invariant($"{{\"disk\":\"{Disk}\",\"ring\":\"{RingFormat}\","));
        text.Append(Invariant($"\"operation\":\"{Workload.Name}\","));
        text.Append(Invariant($"\"size\":{Workload.Size},\"depth\":{Workload.Depth},\"wait\":\"{Wait}\","));
        text.Append(Invariant($"\"seconds\":{Seconds:0.######},\"requests\":{Requests},\"iops\":{Rate:0.0},"));
        text.Append(Invariant($"\"megabytesPerSecond\":{Megabytes:0.00},"));
        text.Append(Invariant($"\"nanoseconds\":{{\"p50\":{Median},\"p99\":{Percentile99},"));
        text.Append(Invariant($"\"p999\":{Percentile999},\"max\":{Longest}}},"));
        text.Append(Invariant($"\"unit\":\"{(IsCountingInstructions ? "instructions" : "ticks")}\","));
        text.Append(Invariant($"\"driver\":{PerRequest(DriverTicks):0.0},\"rest\":{PerRequest(RestTicks):0.0},"));
        text.Append(Invariant($"\"notifications\":{PerRequest(Notifications):0.0000},"));
        text.Append(Invariant($"\"interrupts\":{PerRequest(Interrupts):0.0000}}}"));
        return text.ToString();
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private double PerRequest(ulong total) => total / (double)Requests;
}
