namespace VirtioGuest.Simulation;

/// <summary>When a simulated cache does what it may do at any time.</summary>
public enum CacheTiming
{
    /// <summary>Only when it is told to.</summary>
    Never = 0,

    /// <summary>Whenever it can, before each access and each hand-over.</summary>
    Eager = 1,

    /// <summary>Now and then, by chance; the seed brings a run back.</summary>
    Random = 2,
}
