using System;
using System.Collections.Generic;
using System.Globalization;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>
/// How much RAM is in use when the shell has started: kernel image, tables, .NET heap, stacks and device memory.
/// </summary>
internal sealed class MemoryAtShell : Benchmark
{
    private const string Label = "used:";

    public override string Title => "memory.at_shell";

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        GuestOptions options = new()
        {
            Door = Door.Elf,
            Disk = workspace.SampleDisk,
            Additional = ["-fw_cfg", "name=opt/virtioguest/run,string=mem"],
        };
        string line = BenchmarkGuest.RunUntil(
            workspace, options, text => text.StartsWith(Label, StringComparison.Ordinal) && BytesIn(text) > 0).Line;
        yield return new Measurement(
            "memory.at_shell",
            BytesIn(line) / 1e6,
            "MB",
            "'used' of the shell's command mem, run as the first command, in 10^6 bytes;"
            + $" {options.MemoryMegabytes} MB of RAM, one disk, one network card");
    }

    private static ulong BytesIn(string line)
    {
        string[] words = line[Label.Length..].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        string first = words.Length > 0 ? words[0] : string.Empty;
        return ulong.TryParse(first, NumberStyles.None, CultureInfo.InvariantCulture, out ulong bytes) ? bytes : 0;
    }
}
