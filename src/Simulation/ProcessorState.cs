namespace VirtioGuest.Simulation;

/// <summary>What a simulated processor is about to do.</summary>
internal enum ProcessorState
{
    /// <summary>To go on.</summary>
    Ready = 0,

    /// <summary>To look again, once somebody else has done something.</summary>
    Paused = 1,

    /// <summary>To wait for a signal.</summary>
    Waiting = 2,

    /// <summary>Nothing any more.</summary>
    Ended = 3,
}
