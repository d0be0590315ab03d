namespace VirtioGuest.Commands;

/// <summary>How a command ended.</summary>
public readonly struct CommandResult
{
    private CommandResult(CommandOutcome outcome, string reason)
    {
        Outcome = outcome;
        Reason = reason;
    }

    /// <summary>It did what it was asked for.</summary>
    public static CommandResult Success => new(CommandOutcome.Succeeded, "");

    /// <summary>Its arguments make no sense; the shell shows how it is used.</summary>
    public static CommandResult WrongArguments => new(CommandOutcome.WrongArguments, "");

    /// <summary>Somebody has ended it by Ctrl+C.</summary>
    public static CommandResult Interrupted => Failure("interrupted");

    /// <summary>How it ended.</summary>
    public CommandOutcome Outcome { get; }

    /// <summary>Why, in one line, where it failed.</summary>
    public string Reason { get; }

    /// <summary>It could not do what it was asked for.</summary>
    /// <param name="reason">Why, in one line.</param>
    public static CommandResult Failure(string reason) => new(CommandOutcome.Failed, reason);

    /// <summary>The shell ends, because the machine is going down.</summary>
    public static CommandResult End() => new(CommandOutcome.EndsShell, "");
}
