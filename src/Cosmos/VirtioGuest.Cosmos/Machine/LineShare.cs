using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>One handler's share of a line.</summary>
internal sealed class LineShare : LineInterrupt
{
    private readonly SharedLine _owner;
    private readonly InterruptHandler _handler;
    private ulong _count;
    private bool _isReleased;

    /// <summary>Describes a handler.</summary>
    /// <param name="owner">The line that serves it.</param>
    /// <param name="line">The line's number, as the function gives it.</param>
    /// <param name="handler">Who serves the device.</param>
    internal LineShare(SharedLine owner, byte line, InterruptHandler handler)
        : base(line)
    {
        _owner = owner;
        _handler = handler;
    }

    /// <inheritdoc/>
    public override ulong Count => _count;

    /// <inheritdoc/>
    public override void Release()
    {
        // It may be in the list that is being gone through.
        _isReleased = true;
        _owner.Remove(this);
    }

    /// <summary>Calls the handler.</summary>
    /// <returns>Whether the device had asked.</returns>
    internal bool Serve()
    {
        if (_isReleased)
        {
            return false;
        }

        _count++;
        return _handler.OnInterrupt();
    }
}
