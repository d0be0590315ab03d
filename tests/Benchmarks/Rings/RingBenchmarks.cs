using System;
using BenchmarkDotNet.Attributes;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Benchmarks.Rings;

/// <summary>
/// The driver's ring code alone: adding a buffer and taking it back is one operation. The device is a loop on the same
/// thread.
/// </summary>
[MemoryDiagnoser]
public class RingBenchmarks : IDisposable
{
    private const int Operations = 4096;

    private RingLoop? _packed;
    private RingLoop? _split;
    private NativeRingLoop? _native;

    /// <summary>How many buffers are added before the device is looked for, and taken back together.</summary>
    [Params(1, 32)]
    public int Batch { get; set; }

    [GlobalSetup]
    public void SetUp()
    {
        _packed = new RingLoop(Features.RingPacked);
        _split = new RingLoop(Features.None);
        _native = new NativeRingLoop();
    }

    [GlobalCleanup]
    public void Dispose()
    {
        _packed?.Dispose();
        _split?.Dispose();
        _native?.Dispose();
        GC.SuppressFinalize(this);
    }

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong Packed() => _packed!.Run(Operations / Batch, Batch);

    [Benchmark(OperationsPerInvoke = Operations)]
    public ulong Split() => _split!.Run(Operations / Batch, Batch);

    [Benchmark(OperationsPerInvoke = Operations, Baseline = true)]
    public ulong PackedInC() => _native!.Run(Operations / Batch, Batch);
}
