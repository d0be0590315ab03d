namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>What a number of reads from a block device took, all in all.</summary>
internal sealed class BlockReadCost
{
    /// <summary>The format of the ring: <c>packed</c> or <c>split</c>.</summary>
    public required string RingFormat { get; init; }

    /// <summary>How many reads there were, at least 1.</summary>
    public required ulong Reads { get; init; }

    /// <summary>Timestamp ticks in the driver's entry point that takes a request.</summary>
    public required ulong SubmitTicks { get; init; }

    /// <summary>Timestamp ticks in the driver's entry point that notifies the device.</summary>
    public required ulong NotifyTicks { get; init; }

    /// <summary>
    /// Timestamp ticks in the driver's entry points for completions, and for interrupts off and on around them.
    /// </summary>
    public required ulong CompleteTicks { get; init; }

    /// <summary>Timestamp ticks in the driver's entry points, all in all.</summary>
    public ulong DriverTicks => SubmitTicks + NotifyTicks + CompleteTicks;

    /// <summary>Timestamp ticks of everything but the idle thread, the benchmark itself included.</summary>
    public required ulong GuestTicks { get; init; }

    /// <summary>How often the device was notified.</summary>
    public required ulong Notifications { get; init; }

    /// <summary>How often the device interrupted.</summary>
    public required ulong Interrupts { get; init; }

    /// <summary>How long it took.</summary>
    public required ulong Nanoseconds { get; init; }
}
