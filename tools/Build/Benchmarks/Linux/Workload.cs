using System.Collections.Generic;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>Something that both guests do with the same device, and how either is told to.</summary>
internal abstract class Workload
{
    /// <summary>All of them, in the order of the tables.</summary>
    public static readonly IReadOnlyList<Workload> All =
    [
        new BlockWorkload("randread", BlockWorkload.Page, 32, Measure.Rate),
        new BlockWorkload("randread", BlockWorkload.Page, 1, Measure.Rate),
        new BlockWorkload("randwrite", BlockWorkload.Page, 32, Measure.Rate),
        new BlockWorkload("read", 32 * BlockWorkload.Page, 4, Measure.Rate),
        new BlockWorkload("read", 256 * BlockWorkload.Page, 4, Measure.Rate),
        new BlockWorkload("randread", BlockWorkload.Page, 32, Measure.Instructions),
        new BlockWorkload("randread", BlockWorkload.Page, 1, Measure.Instructions),
        new NetWorkload("tx", 18, 32, Measure.Rate),
        new NetWorkload("rx", 18, 32, Measure.Rate),
        new NetWorkload("rr", 64, 1, Measure.Rate),
        new NetWorkload("rr", 64, 32, Measure.Rate),
        new NetWorkload("tx", 18, 32, Measure.Instructions),
        new NetWorkload("rx", 18, 32, Measure.Instructions),
        new NetWorkload("rr", 64, 1, Measure.Instructions),
        new NetWorkload("tcp-tx", 64 * 1024, 1, Measure.Rate),
        new NetWorkload("tcp-rx", 64 * 1024, 1, Measure.Rate),
        new NetWorkload("http", 1024, 1, Measure.Rate),
    ];

    /// <summary>Words with dots between, the general ones first: <c>blk.randread.4k.qd32.rate</c>.</summary>
    public abstract string Name { get; }

    /// <summary>What is done, for people.</summary>
    public abstract string Title { get; }

    /// <summary>What is asked about it.</summary>
    public abstract Measure Measure { get; }

    /// <summary>What has to be known to judge the figures: sentences, in lines.</summary>
    public abstract string Method { get; }

    /// <summary>Whether the host has what it takes.</summary>
    public virtual bool IsPossible => true;

    /// <summary>The device, as arguments of QEMU; empty where it is that of <see cref="Connect"/>.</summary>
    public abstract IReadOnlyList<string> Devices { get; }

    /// <summary>The command of our guest's shell; null if there is none that does this.</summary>
    public abstract string? ShellCommand { get; }

    /// <summary>The job of <c>init.c</c>.</summary>
    public abstract string LinuxJob { get; }

    /// <summary>Makes what the guest is connected to while it runs; null where it is connected to nothing.</summary>
    public virtual Wire? Connect() => null;

    /// <summary>Reads what our guest has printed.</summary>
    /// <param name="lines">The lines of its serial console so far.</param>
    /// <returns>The result, or null if there is more to come.</returns>
    /// <exception cref="BuildFailure">The output is not understood.</exception>
    public abstract Sample? ReadShell(IReadOnlyList<string> lines);
}

/// <summary>What is compared.</summary>
internal enum Measure
{
    /// <summary>Requests a second on QEMU's ordinary clock; more is better.</summary>
    Rate,

    /// <summary>Instructions of the whole guest for a request, counted by QEMU; fewer is better.</summary>
    Instructions,
}

/// <summary>What one run of a workload gave.</summary>
/// <param name="Ring">The format of the queues' rings: <c>packed</c> or <c>split</c>.</param>
/// <param name="RequestsPerSecond">By the guest's clock.</param>
/// <param name="TicksPerRequest">
/// Ticks of the timestamp counter in which the guest was not idle. They are instructions where QEMU counts these.
/// </param>
/// <param name="InterruptsPerRequest">How often the device interrupted.</param>
internal sealed record Sample(
    string Ring, double RequestsPerSecond, double TicksPerRequest, double InterruptsPerRequest)
{
    /// <summary>The value that is compared.</summary>
    public double Value(Measure measure) => measure == Measure.Rate ? RequestsPerSecond : TicksPerRequest;
}
