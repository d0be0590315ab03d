namespace VirtioGuest.LibOS.Signals;

/// <summary>The signals of Linux that LibOS knows by name.</summary>
internal static class SignalNumber
{
    public const int IllegalInstruction = 4;
    public const int Trap = 5;
    public const int Abort = 6;
    public const int FloatingPoint = 8;
    public const int Kill = 9;
    public const int Segmentation = 11;
    public const int Child = 17;
    public const int Continue = 18;
    public const int Stop = 19;
    public const int Urgent = 23;
    public const int WindowChange = 28;
    public const int Last = 64;

    /// <summary>The bit of a signal in a mask.</summary>
    public static ulong Bit(int signal) => 1ul << (signal - 1);

    /// <summary>Whether a signal that the program does not handle is ignored rather than its end.</summary>
    public static bool IsIgnoredByDefault(int signal) =>
        signal is Child or Continue or Urgent or WindowChange;
}

/// <summary>What the program does with a signal: Linux' <c>kernel_sigaction</c>.</summary>
internal struct SignalAction
{
    /// <summary>The signal's usual effect.</summary>
    public const ulong Default = 0;

    /// <summary>No effect.</summary>
    public const ulong Ignore = 1;

    /// <summary>The signal may come again while its handler runs (SA_NODEFER).</summary>
    public const ulong NoDefer = 0x4000_0000;

    /// <summary>The handler's address, or <see cref="Default"/> or <see cref="Ignore"/>.</summary>
    public ulong Handler;

    /// <summary>The SA_ flags.</summary>
    public ulong Flags;

    /// <summary>Where the handler returns to: a function of the C library that calls rt_sigreturn.</summary>
    public ulong Restorer;

    /// <summary>What else is masked while the handler runs.</summary>
    public ulong Mask;
}

/// <summary>The program's actions, one per signal.</summary>
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
