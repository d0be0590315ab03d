namespace VirtioGuest.LibOS;

/// <summary>Linux error numbers, as system calls return them negated.</summary>
internal static class ErrorNumber
{
    public const long NoEntry = 2;
    public const long NoSuchProcess = 3;
    public const long InputOutput = 5;
    public const long BadFile = 9;
    public const long TryAgain = 11;
    public const long OutOfMemory = 12;
    public const long AccessDenied = 13;
    public const long BadAddress = 14;
    public const long NoDevice = 19;
    public const long NotADirectory = 20;
    public const long InvalidArgument = 22;
    public const long TooManyFiles = 24;
    public const long NotATerminal = 25;
    public const long NoSpace = 28;
    public const long IllegalSeek = 29;
    public const long BrokenPipe = 32;
    public const long NotImplemented = 38;
    public const long TimedOut = 110;
    public const long Cancelled = 125;
}
