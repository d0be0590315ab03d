namespace VirtioGuest.LibOS.Signals;

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

    /// <summary>Where the handler returns to: a stub of the C library that calls rt_sigreturn.</summary>
    public ulong Restorer;

    /// <summary>What else is masked while the handler runs.</summary>
    public ulong Mask;
}
