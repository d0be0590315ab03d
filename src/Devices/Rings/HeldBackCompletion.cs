using System;

namespace VirtioGuest.Devices.Rings;

/// <summary>Keeps finished buffers until it is told to let some go.</summary>
public sealed class HeldBackCompletion : CompletionPolicy
{
    private readonly CompletionPolicy _order;
    private int _released;

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

    /// <inheritdoc/>
    public override int Count(int finished, bool isIdle)
    {
        int count = Math.Min(finished, _released);
        _released -= count;
        return count;
    }

    /// <inheritdoc/>
    public override int Pick(int finished) => _order.Pick(finished);

    /// <inheritdoc/>
    public override uint Length(uint written) => _order.Length(written);
}
