using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>What the driver's rings move on this machine, in process: tests/Benchmarks measures.</summary>
internal sealed class RingThroughput : Benchmark
{
    private static readonly JsonSerializerOptions s_format = new(JsonSerializerDefaults.Web);

    public override string Title => "ring";

    public override bool NeedsImages => false;

    public override IEnumerable<Measurement> Measure(Workspace workspace)
    {
        string folder = workspace.Intermediate("bench");
        Directory.CreateDirectory(folder);
        string results = Path.Combine(folder, "ring.json");
        File.Delete(results);
        ExternalProgram.Run(
            "dotnet",
            [
                "run",
                "--project", workspace.HostBenchmarks,
                "--configuration", "Release",
                $"--property:ArtifactsPath={workspace.Artifacts}",
                "--", "report", results,
            ]);
        return JsonSerializer.Deserialize<List<Measurement>>(File.ReadAllText(results), s_format)
            ?? throw new BuildFailure($"{results} is empty");
    }
}
