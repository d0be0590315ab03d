using System.Collections.Generic;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>Something that can be measured.</summary>
internal abstract class Benchmark
{
    /// <summary>What is measured, for the progress display: what the names of its measurements begin with.</summary>
    public abstract string Title { get; }

    /// <summary>Whether the images have to be built before.</summary>
    public virtual bool NeedsImages => true;

    /// <summary>Measures. Bounded in time.</summary>
    public abstract IEnumerable<Measurement> Measure(Workspace workspace);
}
