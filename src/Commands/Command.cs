namespace VirtioGuest.Commands;

/// <summary>Something that the shell can be told to do.</summary>
public abstract class Command
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
        Name = CommandWords.OfLine(usage)[0];
    }

    /// <summary>The first word.</summary>
    public string Name { get; }

    /// <summary>The third word, where commands of one name are told apart by it; else null.</summary>
    public virtual string? Verb => null;

    /// <summary>How it is called.</summary>
    public string Usage { get; }

    /// <summary>What it does.</summary>
    public string Summary { get; }

    /// <summary>
    /// Whether a shell may take the next command before this one has ended, because it was interrupted and does not
    /// notice: while it waits for a device, say. It then ends unseen.
    /// </summary>
    public virtual bool CanBeLeft => true;

    /// <summary>
    /// Runs it. What may take longer than a second looks at <see cref="ShellContext.IsInterrupted"/> and ends as soon
    /// as it can.
    /// </summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="arguments">The words after its name; with a <see cref="Verb"/> at least two.</param>
    public abstract CommandResult Run(ShellContext shell, string[] arguments);
}
