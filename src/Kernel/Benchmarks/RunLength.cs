using System.Globalization;
using VirtioGuest.Commands;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Benchmarks;

/// <summary>How long a benchmark runs: a time, a number of operations, or whichever is over first.</summary>
/// <param name="Milliseconds">The time in milliseconds; 0 where there is no limit.</param>
/// <param name="Operations">The number; 0 where there is no limit.</param>
internal readonly record struct RunLength(ulong Milliseconds, ulong Operations)
{
    private const decimal LongestSeconds = 24 * 3600;
    private const ulong MostOperations = 1_000_000_000;

    /// <summary>
    /// Reads a word: SECONDS, with decimals or without, or COUNTx for so many operations, for runs in which
    /// instructions are counted.
    /// </summary>
    /// <returns>Whether it is one of them: a millisecond to a day, or up to 10^9 operations.</returns>
    public static bool TryParse(string text, out RunLength length)
    {
        length = default;
        if (text.EndsWith('x'))
        {
            bool isCount = Number.TryParse(text[..^1], out ulong operations) && operations is > 0 and <= MostOperations;
            length = new RunLength(0, isCount ? operations : 0);
            return isCount;
        }

        bool isNumber = decimal.TryParse(
            text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal seconds);
        length = new RunLength(isNumber && seconds <= LongestSeconds ? (ulong)(seconds * 1000) : 0, 0);
        return length.Milliseconds > 0;
    }
}

/// <summary>How far a benchmark has come; every second it says so.</summary>
internal struct RunProgress
{
    private readonly ShellContext _shell;
    private readonly ulong _second = 1000 * TimestampCounter.Kilohertz;
    private readonly ulong _duration;
    private readonly ulong _most;
    private readonly ulong _begin = TimestampCounter.Read();
    private ulong _told;

    /// <summary>Begins a run.</summary>
    /// <param name="length">How long it is.</param>
    /// <param name="shell">Who is told, and may interrupt it.</param>
    public RunProgress(RunLength length, ShellContext shell)
    {
        _shell = shell;
        _duration = length.Milliseconds == 0 ? ulong.MaxValue : length.Milliseconds * TimestampCounter.Kilohertz;
        _most = length.Operations == 0 ? ulong.MaxValue : length.Operations;
    }

    /// <summary>Whether the run goes on.</summary>
    /// <param name="done">How many operations were done so far.</param>
    public bool GoesOn(ulong done)
    {
        ulong passed = TimestampCounter.Read() - _begin;
        bool goesOn = passed < _duration && done < _most && !_shell.IsInterrupted;
        if (goesOn && passed / _second != _told)
        {
            _told = passed / _second;
            _shell.Output.WriteLine($"after {_told} s: {(ulong)((double)done * _second / passed)} per second");
        }

        return goesOn;
    }
}
