using System.Collections.Generic;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>Something that can be measured of the images that are built already.</summary>
internal abstract class Benchmark
{
    /// <summary>What is measured, for the progress display.</summary>
    public abstract string Title { get; }

    /// <summary>Measures. Bounded in time.</summary>
    public abstract IEnumerable<Measurement> Measure(Workspace workspace);
}
