using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>How long it takes from the start of QEMU to the first line that managed code of the guest writes.</summary>
internal sealed class StartTime : Benchmark
{
    private const int Runs = 5;

    private readonly string _name;
    private readonly Door _door;
    private readonly bool _isUefi;

    public StartTime(string name, Door door, bool isUefi)
    {
        _name = name;
        _door = door;
        _isUefi = isUefi;
    }

    public override string Title => _name;

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        GuestOptions options = new() { Door = _door, IsUefi = _isUefi, Disk = workspace.SampleDisk };
        double[] seconds =
        [
            .. Enumerable.Range(0, Runs)
                .Select(_ => BenchmarkGuest.RunUntil(workspace, options, IsFirstLine).Elapsed.TotalSeconds)
                .Order(),
        ];
        yield return new Measurement(
            _name,
            seconds[Runs / 2],
            "s",
            "QEMU start to the guest's first line on the serial console:"
            + $" q35, tcg, {options.MemoryMegabytes} MB, one disk, one network card;"
            + $" median of {Runs}, {seconds[0]:F3} to {seconds[^1]:F3}");
    }

    private static bool IsFirstLine(string line) => line.Contains("VirtioGuest ", StringComparison.Ordinal)
        && line.Contains(" on .NET ", StringComparison.Ordinal);
}
