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

    /// <summary>The highest signal number.</summary>
    public const int Last = 64;

    /// <summary>The bit of a signal in a mask.</summary>
    public static ulong Bit(int signal) => 1ul << (signal - 1);

    /// <summary>Whether a signal that the program does not handle is ignored rather than its end.</summary>
    public static bool IsIgnoredByDefault(int signal) =>
        signal is Child or Continue or Urgent or WindowChange;
}
