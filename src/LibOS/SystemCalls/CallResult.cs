namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>What a system call's handler returns beside numbers and negated error numbers.</summary>
internal static class CallResult
{
    /// <summary>
    /// The caller's registers are already as they are to be, or another thread runs now: nothing is to be written to
    /// them.
    /// </summary>
    public const long Switched = long.MinValue;
}
