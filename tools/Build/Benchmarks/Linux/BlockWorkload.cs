using System;
using System.Collections.Generic;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>Requests to a disk that does nothing (QEMU's null-co).</summary>
internal sealed class BlockWorkload : Workload
{
    /// <summary>The length of a small request in bytes.</summary>
    public const int Page = 4096;

    private const int Kilobyte = 1 << 10;
    private const int Megabyte = 1 << 20;
    private const long DiskSize = 1L << 30;
    private const int CountedRequests = 20_000;
    private const int MillisecondsForRate = 1500;

    private static readonly JsonSerializerOptions s_json = new() { PropertyNameCaseInsensitive = true };

    private readonly string _operation;
    private readonly int _size;
    private readonly int _depth;

    /// <param name="operation"><c>read</c>, <c>write</c>, <c>randread</c> or <c>randwrite</c>.</param>
    /// <param name="size">The length of a request in bytes.</param>
    /// <param name="depth">How many requests are submitted together and waited for.</param>
    /// <param name="measure">What is asked about it.</param>
    public BlockWorkload(string operation, int size, int depth, Measure measure)
    {
        _operation = operation;
        _size = size;
        _depth = depth;
        Measure = measure;
        (int length, string unit) = size < Megabyte ? (size / Kilobyte, "K") : (size / Megabyte, "M");
        bool isRandom = operation.StartsWith("rand", StringComparison.Ordinal);
        string request = isRandom ? operation["rand".Length..] : operation;
        string asked = measure == Measure.Rate ? "rate" : "instructions";
        Name = $"blk.{operation}.{length}{unit}.qd{depth}.{asked}".ToLowerInvariant();
        Title = $"{length} {unit}B {(isRandom ? "random" : "sequential")} {request}s, "
            + (depth == 1 ? "one at a time" : $"{depth} at a time");
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override string Title { get; }

    /// <inheritdoc/>
    public override Measure Measure { get; }

    /// <inheritdoc/>
    public override string Method =>
        """
        The disk is null-co over virtio-blk-pci, modern only, packed ring. Requests go together and are waited for.
        Linux asks through aio (O_DIRECT, no scheduler) from user space, VirtioGuest from inside its kernel.
        """;

    /// <inheritdoc/>
    public override IReadOnlyList<string> Devices =>
    [
        "-blockdev", $"driver=null-co,node-name=null0,size={DiskSize},read-zeroes=off",
        "-device", "virtio-blk-pci,drive=null0,disable-legacy=on,packed=on",
    ];

    /// <inheritdoc/>
    public override string? ShellCommand => $"blk 0 bench {_operation} {_size} {_depth} "
        + (Measure == Measure.Rate ? $"{MillisecondsForRate / 1000m}" : $"{CountedRequests}x");

    /// <inheritdoc/>
    public override string LinuxJob => $"{Name}:disk:{_operation}:{_size}:{_depth}:"
        + (Measure == Measure.Rate ? $"0:{MillisecondsForRate}" : $"{CountedRequests}:0");

    /// <inheritdoc/>
    public override Sample? ReadShell(IReadOnlyList<string> lines)
    {
        string last = lines[^1];
        if (!last.StartsWith('{'))
        {
            return null;
        }

        try
        {
            ShellReport report = JsonSerializer.Deserialize<ShellReport>(last, s_json)!;
            double spent = report.Driver + report.Rest;
            return report.Iops > 0 && spent > 0 && report.Interrupts >= 0
                ? new Sample(report.Ring, report.Iops, spent, report.Interrupts)
                : throw new BuildFailure($"the guest printed '{last}', which is no result");
        }
        catch (JsonException e)
        {
            throw new BuildFailure($"the guest printed '{last}', which is no result", e);
        }
    }

    /// <summary>The line of <c>blk D bench</c>, as far as it is read here; the rest is for whoever looks.</summary>
    private sealed record ShellReport(
        [property: JsonRequired] string Ring,
        [property: JsonRequired] double Iops,
        [property: JsonRequired] double Driver,
        [property: JsonRequired] double Rest,
        [property: JsonRequired] double Interrupts);
}
