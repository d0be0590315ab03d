using VirtioGuest.Hal;

namespace VirtioGuest.Commands;

/// <summary>Something that the shell can be told to do.</summary>
public abstract class Command
{
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

    /// <summary>The first word of its usage.</summary>
    public string Name { get; }

    /// <summary>The third word, where it tells commands of one name apart; else null.</summary>
    public virtual string? Verb => null;

    /// <summary>How it is called, in one line.</summary>
    public string Usage { get; }

    /// <summary>What it does, in a few words.</summary>
    public string Summary { get; }

    /// <summary>
    /// Whether a shell may take the next command before this one has ended, because it was interrupted and does not
    /// notice: while it waits for a device, say. Its end is then not reported.
    /// </summary>
    public virtual bool CanBeLeft => true;

    /// <summary>
    /// Runs the command. One that may take longer than a second watches <see cref="ShellContext.IsInterrupted"/> and
    /// ends as soon as it can.
    /// </summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="arguments">The words after its name; with a <see cref="Verb"/> at least two.</param>
    public abstract CommandResult Run(ShellContext shell, string[] arguments);
}

/// <summary>A command on one of several devices: name, number of the device, verb, arguments.</summary>
public abstract class DeviceCommand : Command
{
    private readonly string _noun;

    /// <param name="noun">What devices are called without their number: <c>disk</c>.</param>
    /// <param name="usage">How it is called; the third word is the verb.</param>
    /// <param name="summary">What it does, for <c>help</c>, in a few words.</param>
    protected DeviceCommand(string noun, string usage, string summary)
        : base(usage, summary)
    {
        _noun = noun;
        Verb = CommandWords.OfLine(usage)[2];
    }

    /// <inheritdoc/>
    public sealed override string Verb { get; }

    /// <inheritdoc/>
    public sealed override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (!Number.TryParse(arguments[0], out ulong index))
        {
            return CommandResult.WrongArguments;
        }

        if (index >= (ulong)Count(shell))
        {
            return CommandResult.Failure("there is no " + _noun + arguments[0]);
        }

        var rest = new string[arguments.Length - 2];
        for (int word = 0; word < rest.Length; word++)
        {
            rest[word] = arguments[word + 2];
        }

        return Run(shell, (int)index, rest);
    }

    /// <summary>How many devices there are.</summary>
    protected abstract int Count(ShellContext shell);

    /// <summary>Runs the command on a device.</summary>
    /// <param name="shell">Where it is run.</param>
    /// <param name="device">The number of the device, 0 to <see cref="Count"/> - 1.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, int device, string[] arguments);
}

/// <summary>How a command ended.</summary>
public readonly struct CommandResult
{
    private CommandResult(CommandOutcome outcome, string reason)
    {
        Outcome = outcome;
        Reason = reason;
    }

    /// <summary>It did what it was asked to do.</summary>
    public static CommandResult Success => new(CommandOutcome.Succeeded, "");

    /// <summary>Its arguments make no sense; the shell shows how it is used.</summary>
    public static CommandResult WrongArguments => new(CommandOutcome.WrongArguments, "");

    /// <summary>It was ended by Ctrl+C.</summary>
    public static CommandResult Interrupted => Failure("interrupted");

    /// <summary>How it ended.</summary>
    public CommandOutcome Outcome { get; }

    /// <summary>Why, in one line, where it failed.</summary>
    public string Reason { get; }

    /// <summary>It could not do what it was asked to do.</summary>
    /// <param name="reason">Why, in one line.</param>
    public static CommandResult Failure(string reason) => new(CommandOutcome.Failed, reason);

    /// <summary>A device could not do what it was asked to do.</summary>
    /// <param name="name">What the device is called.</param>
    /// <param name="failure">Why.</param>
    public static CommandResult Failure(string name, Failure failure) =>
        Failure(name + ": " + failure.Of("the device"));

    /// <summary>The shell ends, because the machine is going down.</summary>
    public static CommandResult End() => new(CommandOutcome.EndsShell, "");
}

/// <summary>The ways in which a command ends.</summary>
public enum CommandOutcome
{
    /// <summary>It succeeded.</summary>
    Succeeded,

    /// <summary>It failed, for a reason.</summary>
    Failed,

    /// <summary>It was called wrongly and has done nothing.</summary>
    WrongArguments,

    /// <summary>It succeeded, and nothing comes after it.</summary>
    EndsShell,
}
