using System;

namespace VirtioGuest.Kernel.Shell;

/// <summary>Something that the shell can be told to do.</summary>
internal abstract class Command
{
    /// <summary>Describes a command.</summary>
    /// <param name="usage">
    /// How it is called, one line: its own words in lower case, arguments in upper case, optional ones in brackets.
    /// </param>
    /// <param name="summary">What it does, for <c>help</c>, in a few words.</param>
    protected Command(string usage, string summary)
    {
        Usage = usage;
        Summary = summary;
        int end = usage.IndexOf(' ', StringComparison.Ordinal);
        Name = end < 0 ? usage : usage[..end];
    }

    /// <summary>The first word.</summary>
    public string Name { get; }

    /// <summary>How it is called.</summary>
    public string Usage { get; }

    /// <summary>What it does.</summary>
    public string Summary { get; }

    /// <summary>Runs it.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="arguments">The words after its name.</param>
    public abstract CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments);
}
