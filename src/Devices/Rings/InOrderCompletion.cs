using System;

namespace VirtioGuest.Devices.Rings;

/// <summary>
/// Uses buffers in the order in which they finished, in batches of one size; a last batch may be smaller.
/// </summary>
public sealed class InOrderCompletion : CompletionPolicy
{
    private readonly int _batch;

    /// <summary>Creates the policy.</summary>
    /// <param name="batch">How many buffers are published together, at least 1.</param>
    public InOrderCompletion(int batch = 1)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batch, 1);
        _batch = batch;
    }

    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle) =>
        finished >= _batch ? _batch
        : isIdle ? finished
        : 0;
}
