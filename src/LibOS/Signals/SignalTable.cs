namespace VirtioGuest.LibOS.Signals;

/// <summary>The program's actions, one a signal.</summary>
internal unsafe struct SignalTable
{
    private const int WordsPerAction = 4;

    private fixed ulong _actions[(SignalNumber.Last + 1) * WordsPerAction];

    /// <summary>The action of a signal, 1 to <see cref="SignalNumber.Last"/>.</summary>
    public SignalAction* Of(int signal)
    {
        fixed (ulong* actions = _actions)
        {
            return (SignalAction*)(actions + (signal * WordsPerAction));
        }
    }
}
