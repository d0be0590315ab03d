using System;

namespace VirtioGuest.Devices.Rings;

/// <summary>
/// Draws order, batches and, where asked, lengths from a seed; nothing waits once the device is idle.
/// </summary>
public sealed class RandomCompletion : CompletionPolicy
{
    private readonly int _largestBatch;
    private readonly bool _shortens;
    private ulong _state;

    /// <summary>Creates the policy; the same seed gives the same choices.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="largestBatch">How many buffers are published together at most, at least 1.</param>
    /// <param name="shortens">Whether the driver is told of fewer bytes than were written, now and then.</param>
    public RandomCompletion(ulong seed, int largestBatch = 8, bool shortens = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(largestBatch, 1);
        _state = seed;
        _largestBatch = largestBatch;
        _shortens = shortens;
    }

    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle)
    {
        int most = Math.Min(finished, _largestBatch);
        return isIdle ? 1 + Draw(most) : Draw(most + 1);
    }

    /// <inheritdoc/>
    public override int Pick(int finished) => Draw(finished);

    /// <inheritdoc/>
    public override uint Length(uint written) =>
        _shortens && Draw(2) == 0 ? (uint)(Next() % (written + 1UL)) : written;

    private int Draw(int below) => (int)(Next() % (uint)below);

    /// <summary>
    /// SplitMix64: small, and the same on every runtime, which <see cref="Random"/> does not promise.
    /// </summary>
    private ulong Next()
    {
        _state += 0x9E3779B97F4A7C15;
        ulong value = _state;
        value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9;
        value = (value ^ (value >> 27)) * 0x94D049BB133111EB;
        return value ^ (value >> 31);
    }
}
