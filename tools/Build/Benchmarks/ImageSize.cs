using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>How large the ISO is.</summary>
internal sealed class ImageSize : Benchmark
{
    public override string Title => "iso.size";

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        double megabytes = new FileInfo(workspace.Iso).Length / 1e6;
        yield return new Measurement("iso.size", megabytes, "MB", "the file's length in 10^6 bytes");
    }
}
