using System;
using System.Text;
using VirtioGuest.Commands;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.Services;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>What is done with a network port, how often, and with whom.</summary>
internal sealed class NetWorkload
{
    /// <summary>The most operations that go together: as many datagrams as wait at a port.</summary>
    public const int MaximumBurst = 64;

    /// <summary>The largest datagram in bytes of payload (RFC 768 over RFC 791).</summary>
    public const int LargestDatagram = 65507;

    private const int LargestFrame = 14 + NetworkStack.MaximumMtu;
    private const int LargestPiece = 1 << 20;
    private const int Kilobyte = 1024;

    private static readonly NetOperation[] s_operations =
    [
        new("tx", "datagrams", 1, LargestDatagram, 9, static port => new DatagramsOut(port)),
        new("rx", "datagrams", 1, LargestDatagram, 19, static port => new DatagramsIn(port)),
        new("rr", "round trips", 1, LargestDatagram, 7, static port => new RoundTrips(port)),
        new("frames", "frames", EthernetFrames.Shortest, LargestFrame, 0, static port => new EthernetFrames(port)),
        new("tcp-tx", "writes", 1, LargestPiece, 9, static port => new StreamOut(port)),
        new("tcp-rx", "reads", 1, LargestPiece, 19, static port => new StreamIn(port)),
        new("http", "requests", 1, LargestPiece, 0, static port => new HttpAnswers(port)),
    ];

    /// <summary>What is done.</summary>
    public required NetOperation Operation { get; init; }

    /// <summary>
    /// Bytes of payload in a datagram, of a stream in a piece or in an answer, or bytes in a frame; received datagrams
    /// are as long as they are.
    /// </summary>
    public required int Size { get; init; }

    /// <summary>How many go together, 1 to <see cref="MaximumBurst"/>; 1 for a stream.</summary>
    public required int Burst { get; init; }

    /// <summary>How long, or how many operations, rounded up to a multiple of the burst.</summary>
    public required RunLength Length { get; init; }

    /// <summary>With whom; null for the gateway.</summary>
    public IPv4Address? Host { get; init; }

    /// <summary>The peer's port: the one of RFC 862, 863 or 864 unless something else was said.</summary>
    public required ushort Port { get; init; }

    /// <summary>
    /// Reads a workload from the words of a command: tx|rx|rr|frames SIZE BURST SECONDS [HOST[:PORT]] or tcp-tx|tcp-rx
    /// SIZE SECONDS [HOST[:PORT]] or http SIZE SECONDS, with COUNTx for a number of operations instead of a time.
    /// </summary>
    /// <returns>Null where they are none.</returns>
    public static NetWorkload? TryParse(ReadOnlySpan<string> words)
    {
        NetOperation? operation = words.Length == 0 ? null : Array.Find(s_operations, Has(words[0]));
        int numbers = operation is { IsStream: true } ? 3 : 4;
        if (operation is null
            || (words.Length != numbers && words.Length != numbers + 1)
            || !TryParseSize(words[1], operation, out int size)
            || !TryParseBurst(operation.IsStream ? "1" : words[2], out int burst)
            || !RunLength.TryParse(words[numbers - 1], out RunLength length))
        {
            return null;
        }

        IPv4Address? host = null;
        ushort port = operation.UsualPort;
        if (words.Length > numbers && (port == 0 || !TryParsePeer(words[numbers], ref host, ref port)))
        {
            return null;
        }

        return new NetWorkload
        {
            Operation = operation,
            Size = size,
            Burst = burst,
            Length = length,
            Host = host,
            Port = port,
        };
    }

    private static Predicate<NetOperation> Has(string name) => operation => operation.Name == name;

    // Bytes, or with K behind.
    private static bool TryParseSize(string text, NetOperation operation, out int size)
    {
        bool hasUnit = text.EndsWith('K');
        bool isNumber = Number.TryParse(hasUnit ? text[..^1] : text, out ulong number)
            && number <= (ulong)operation.LargestSize;
        ulong bytes = hasUnit ? number * Kilobyte : number;
        bool isSize = isNumber && bytes >= (ulong)operation.SmallestSize && bytes <= (ulong)operation.LargestSize;
        size = isSize ? (int)bytes : 0;
        return isSize;
    }

    private static bool TryParseBurst(string text, out int burst)
    {
        bool isBurst = Number.TryParse(text, out ulong number) && number is > 0 and <= MaximumBurst;
        burst = isBurst ? (int)number : 0;
        return isBurst;
    }

    private static bool TryParsePeer(string text, ref IPv4Address? host, ref ushort port)
    {
        int colon = text.IndexOf(':');
        if (!IPv4Address.TryParse(colon < 0 ? text : text[..colon], out IPv4Address address))
        {
            return false;
        }

        host = address;
        if (colon < 0)
        {
            return true;
        }

        bool isPort = Number.TryParse(text[(colon + 1)..], out ulong number) && number is > 0 and <= ushort.MaxValue;
        port = isPort ? (ushort)number : port;
        return isPort;
    }
}

/// <summary>One of the things that can be done with a network port.</summary>
/// <param name="Name">The word for it.</param>
/// <param name="Noun">What is counted.</param>
/// <param name="SmallestSize">The least <see cref="NetWorkload.Size"/>.</param>
/// <param name="LargestSize">The most.</param>
/// <param name="UsualPort">The peer's port where nothing else is said; 0 where there is no peer.</param>
/// <param name="Create">Makes it.</param>
internal sealed record NetOperation(
    string Name,
    string Noun,
    int SmallestSize,
    int LargestSize,
    ushort UsualPort,
    Func<NetworkPort, NetLoad> Create)
{
    /// <summary>Whether it goes over one TCP connection.</summary>
    public bool IsStream => Name == "http" || Name.StartsWith("tcp-", StringComparison.Ordinal);
}

/// <summary>What a network port does, and what it costs, as a program of this kernel sees it.</summary>
/// <remarks>
/// Rate and cost of the whole are those of one run; what the driver has of it is measured in a second, short one,
/// because looks at the counter around each of its calls cost more than some of these do.
/// </remarks>
internal sealed class NetBenchmark
{
    // Neither is long enough to tell how far it has come.
    private static readonly RunLength s_warmUp = new(Milliseconds: 1000, Operations: 512);
    private static readonly RunLength s_metered = new(Milliseconds: 1000, Operations: 20_000);

    private readonly NetworkPort _port;
    private readonly VirtioLink _link;
    private readonly NetWorkload _workload;
    private readonly ShellContext _shell;
    private readonly NetLoad _load;

    private NetBenchmark(NetworkPort port, VirtioLink link, NetWorkload workload, ShellContext shell, NetLoad load)
    {
        _port = port;
        _link = link;
        _workload = workload;
        _shell = shell;
        _load = load;
    }

    /// <summary>Puts a load on a port.</summary>
    /// <param name="port">The port; other traffic goes on, and counts.</param>
    /// <param name="workload">The load.</param>
    /// <param name="system">The machine's statistics.</param>
    /// <param name="shell">Who may interrupt it, and is told every second how far it came.</param>
    /// <param name="failure">Why there is no result; null where it was interrupted.</param>
    public static NetBenchmarkResult? TryRun(
        NetworkPort port, NetWorkload workload, SystemControl system, ShellContext shell, out Failure? failure)
    {
        if (port.Link is not VirtioLink link || !link.IsUp)
        {
            failure = new Failure("the link is down", isSentence: true);
            return null;
        }

        using NetLoad load = workload.Operation.Create(port);
        load.Shell = shell;
        failure = load.Open(workload);
        if (failure is not null)
        {
            failure = shell.IsInterrupted ? null : failure;
            return null;
        }

        try
        {
            return new NetBenchmark(port, link, workload, shell, load).Run(system, out failure);
        }
        finally
        {
            link.Meter = null;
            link.RoomMade = null;
        }
    }

    private NetBenchmarkResult? Run(SystemControl system, out Failure? failure)
    {
        _link.RoomMade = _load.Wake;
        Move(s_warmUp);
        bool isCounting = TickCount.IsCountingInstructions();
        _load.Forget();
        long framesBefore = CountFrames();
        GuestMeter start = GuestMeter.Read(system, _link.Device);
        ulong operations = Move(_workload.Length);
        GuestMeter end = GuestMeter.Read(system, _link.Device);
        long frames = CountFrames() - framesBefore;
        NetLoadCount counted = _load.Count;
        var meter = TickMeter.Create();
        _link.Meter = meter;
        ulong metered = Move(s_metered);
        _link.Meter = null;
        failure = _load.Failure;
        if (failure is null && (operations == 0 || metered == 0))
        {
            failure = new Failure("nothing came of it in that time", isSentence: true);
        }

        failure = _shell.IsInterrupted ? null : failure;
        return failure is not null || _shell.IsInterrupted
            ? null
            : new NetBenchmarkResult
            {
                Port = _port.Name,
                Workload = _workload,
                RingFormat = _link.Device.Describe().RingFormat,
                Operations = operations,
                Bytes = counted.Bytes,
                Lost = counted.Lost,
                Frames = (ulong)frames,
                Nanoseconds = end.Nanoseconds - start.Nanoseconds,
                IsCountingInstructions = isCounting,
                GuestTicks = end.BusyTicksSince(start),
                Notifications = end.Notifications - start.Notifications,
                Interrupts = end.Interrupts - start.Interrupts,
                SubmitTicks = PerOperation(meter.Submit.Total, metered),
                NotifyTicks = PerOperation(meter.Notify.Median * meter.Notify.Pairs, metered),
                CompleteTicks = PerOperation(meter.Complete.Total, metered),
                Median = counted.Median,
                Percentile99 = counted.Percentile99,
            };
    }

    private static double PerOperation(ulong ticks, ulong operations) => ticks / (double)operations;

    private long CountFrames()
    {
        NetworkStatistics statistics = _port.Stack.GetStatistics();
        return statistics.FramesReceived + statistics.FramesSent;
    }

    private ulong Move(RunLength length)
    {
        ulong done = 0;
        var progress = new RunProgress(length, _shell);
        while (_load.Failure is null && progress.GoesOn(done))
        {
            done += (ulong)_load.Move();
        }

        _load.Finish();
        return done;
    }
}

/// <summary>What a load on a network port came to.</summary>
internal sealed class NetBenchmarkResult
{
    private const double BitsPerByte = 8;

    /// <summary>The port.</summary>
    public required string Port { get; init; }

    /// <summary>The load.</summary>
    public required NetWorkload Workload { get; init; }

    /// <summary>The format of the rings: <c>packed</c> or <c>split</c>.</summary>
    public required string RingFormat { get; init; }

    /// <summary>How many operations there were, at least 1.</summary>
    public required ulong Operations { get; init; }

    /// <summary>How many bytes of payload they moved; of round trips there.</summary>
    public required ulong Bytes { get; init; }

    /// <summary>How many round trips had no answer in time.</summary>
    public required ulong Lost { get; init; }

    /// <summary>How many frames were sent and received.</summary>
    public required ulong Frames { get; init; }

    /// <summary>How long it took.</summary>
    public required ulong Nanoseconds { get; init; }

    /// <summary>Whether ticks are instructions, as under QEMU's <c>-icount shift=0</c>.</summary>
    public required bool IsCountingInstructions { get; init; }

    /// <summary>Timestamp ticks of everything but the idle thread, the benchmark itself included.</summary>
    public required ulong GuestTicks { get; init; }

    /// <summary>How often the device was notified.</summary>
    public required ulong Notifications { get; init; }

    /// <summary>How often the device interrupted.</summary>
    public required ulong Interrupts { get; init; }

    /// <summary>Timestamp ticks per operation in the driver's entry point that takes a frame.</summary>
    public required double SubmitTicks { get; init; }

    /// <summary>The same of the entry point that notifies the device.</summary>
    public required double NotifyTicks { get; init; }

    /// <summary>The same of the entry points for what is received, what was sent, and interrupts.</summary>
    public required double CompleteTicks { get; init; }

    /// <summary>Nanoseconds of a round trip: that of half of them; 0 for other loads.</summary>
    public required ulong Median { get; init; }

    /// <summary>That of 99 of 100.</summary>
    public required ulong Percentile99 { get; init; }

    private double Seconds => Math.Max(Nanoseconds, 1) / 1e9;

    private double Rate => Operations / Seconds;

    private double Megabits => Bytes * BitsPerByte / 1e6 / Seconds;

    private double Driver => SubmitTicks + NotifyTicks + CompleteTicks;

    private double Rest => Math.Max(PerOperation(GuestTicks) - Driver, 0);

    /// <summary>For people, in lines.</summary>
    public string Describe()
    {
        NetOperation operation = Workload.Operation;
        string ticks = IsCountingInstructions ? "instructions" : "ticks";
        var text = new StringBuilder();
        text.Append(Invariant($"{Port}: {RingFormat} rings, {operation.Name} of {Workload.Size} bytes, "));
        text.AppendLine(Invariant($"{Workload.Burst} at a time, {Seconds:0.###} s"));
        text.AppendLine(Invariant($"{operation.Noun}: {Operations}, {Rate:0} per second, {Megabits:0.0} Mbit/s"));
        if (Median != 0)
        {
            text.Append(Invariant($"latency: {Median / 1e3:0.0} us at the median, "));
            text.AppendLine(Invariant($"99 % {Percentile99 / 1e3:0.0} us; without an answer {Lost}"));
        }

        text.Append(Invariant($"driver: {Driver:0.0} {ticks} each, of them {SubmitTicks:0.0} to submit, "));
        text.AppendLine(Invariant($"{NotifyTicks:0.0} to notify, {CompleteTicks:0.0} to receive and complete"));
        text.AppendLine(Invariant($"rest: {Rest:0.0} {ticks} each"));
        text.AppendLine(Invariant($"frames: {PerOperation(Frames):0.0000} each"));
        text.AppendLine(Invariant($"notifications: {PerOperation(Notifications):0.0000} each"));
        text.Append(Invariant($"interrupts: {PerOperation(Interrupts):0.0000} each"));
        return text.ToString();
    }

    /// <summary>The same for programs, in one line.</summary>
    public string ToJson()
    {
        var text = new StringBuilder();
        text.Append(Invariant($"{{\"net\":\"{Port}\",\"ring\":\"{RingFormat}\","));
        text.Append(Invariant($"\"operation\":\"{Workload.Operation.Name}\",\"size\":{Workload.Size},"));
        text.Append(Invariant($"\"burst\":{Workload.Burst},\"seconds\":{Seconds:0.######},"));
        text.Append(Invariant($"\"operations\":{Operations},\"perSecond\":{Rate:0.0},"));
        text.Append(Invariant($"\"megabitsPerSecond\":{Megabits:0.00},\"lost\":{Lost},"));
        text.Append(Invariant($"\"nanoseconds\":{{\"p50\":{Median},\"p99\":{Percentile99}}},"));
        text.Append(Invariant($"\"unit\":\"{(IsCountingInstructions ? "instructions" : "ticks")}\","));
        text.Append(Invariant($"\"driver\":{Driver:0.0},\"rest\":{Rest:0.0},"));
        text.Append(Invariant($"\"frames\":{PerOperation(Frames):0.0000},"));
        text.Append(Invariant($"\"notifications\":{PerOperation(Notifications):0.0000},"));
        text.Append(Invariant($"\"interrupts\":{PerOperation(Interrupts):0.0000}}}"));
        return text.ToString();
    }

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);

    private double PerOperation(ulong total) => total / (double)Operations;
}
