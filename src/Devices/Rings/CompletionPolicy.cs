using System;

namespace VirtioGuest.Devices.Rings;

/// <summary>
/// Chooses when, in which order and how many at a time finished buffers go back to the driver, within what the
/// specification leaves to a device.
/// </summary>
/// <remarks>
/// Where the queue is in order, <see cref="Pick"/> is not asked and only buffers are counted whose predecessors have
/// finished. When a device is suspended, all finished buffers are used without asking.
/// </remarks>
public abstract class CompletionPolicy
{
    /// <summary>Whether, in order, one used entry may stand for several buffers.</summary>
    public bool Merges { get; set; } = true;

    /// <summary>How many buffers are used now, and published together.</summary>
    /// <param name="finished">How many could be, at least 1.</param>
    /// <param name="isIdle">Whether the device has no more buffers to work on.</param>
    /// <returns>0 to <paramref name="finished"/>.</returns>
    public abstract int Count(int finished, bool isIdle);

    /// <summary>Which buffer comes next.</summary>
    /// <param name="finished">How many there are to choose from, at least 1, the oldest first.</param>
    /// <returns>0 to <paramref name="finished"/> - 1.</returns>
    public virtual int Pick(int finished) => 0;

    /// <summary>What the driver is told of the bytes written, which may be fewer (virtio 1.4, 2.7.8.2).</summary>
    /// <param name="written">How many were written, from the start of the writable part.</param>
    /// <returns>0 to <paramref name="written"/>.</returns>
    public virtual uint Length(uint written) => written;
}

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

/// <summary>
/// Draws order, batches and, where asked, lengths from a seed; nothing waits once the device is idle.
/// </summary>
public sealed class RandomCompletion : CompletionPolicy
{
    private readonly int _largestBatch;
    private readonly bool _shortens;
    private readonly SeededRandom _random;

    /// <summary>Creates the policy; the same seed gives the same choices.</summary>
    /// <param name="seed">Any number.</param>
    /// <param name="largestBatch">How many buffers are published together at most, at least 1.</param>
    /// <param name="shortens">Whether the driver is told of fewer bytes than were written, now and then.</param>
    public RandomCompletion(ulong seed, int largestBatch = 8, bool shortens = false)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(largestBatch, 1);
        _random = new SeededRandom(seed);
        _largestBatch = largestBatch;
        _shortens = shortens;
    }

    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle)
    {
        int most = Math.Min(finished, _largestBatch);
        return isIdle ? 1 + _random.Below(most) : _random.Below(most + 1);
    }

    /// <inheritdoc/>
    public override int Pick(int finished) => _random.Below(finished);

    /// <inheritdoc/>
    public override uint Length(uint written) =>
        _shortens && _random.Below(2) == 0 ? (uint)(_random.WideBits() % (written + 1UL)) : written;
}

/// <summary>Waits until there is nothing more to take, and then uses all buffers, the newest first.</summary>
public sealed class ReversedCompletion : CompletionPolicy
{
    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle) => isIdle ? finished : 0;

    /// <inheritdoc/>
    public override int Pick(int finished) => finished - 1;
}

/// <summary>Keeps finished buffers until it is told to let some go.</summary>
public sealed class HeldBackCompletion : CompletionPolicy
{
    private readonly CompletionPolicy _order;
    private int _released;
    private int? _chosen;

    /// <summary>Creates the policy.</summary>
    /// <param name="order">Which of the kept buffers goes first; the oldest, unless told otherwise.</param>
    public HeldBackCompletion(CompletionPolicy? order = null)
    {
        _order = order ?? new InOrderCompletion();
    }

    /// <summary>Lets so many more buffers go, together as far as they are there.</summary>
    public void Release(int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        _released += count;
    }

    /// <summary>Lets one buffer go out of turn, when the device is stepped next.</summary>
    /// <param name="index">Which of those that are kept then, 0 for the oldest.</param>
    public void ReleaseAt(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        _chosen = index;
        _released++;
    }

    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle)
    {
        int count = Math.Min(finished, _released);
        _released -= count;
        return count;
    }

    /// <inheritdoc/>
    public override int Pick(int finished)
    {
        int index = _chosen ?? _order.Pick(finished);
        _chosen = null;
        return index;
    }

    /// <inheritdoc/>
    public override uint Length(uint written) => _order.Length(written);
}
