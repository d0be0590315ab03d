namespace VirtioGuest.Commands;

/// <summary>A command on one of several devices: name, number of the device, verb, arguments.</summary>
public abstract class DeviceCommand : Command
{
    private readonly string _noun;

    /// <summary>Describes a command.</summary>
    /// <param name="noun">What a device is called, as in <c>disk0</c>.</param>
    /// <param name="usage">How it is called; the third word is the verb.</param>
    /// <param name="summary">What it does.</param>
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
    /// <param name="device">On which, 0 to <see cref="Count"/> - 1.</param>
    /// <param name="arguments">The words after the verb.</param>
    protected abstract CommandResult Run(ShellContext shell, int device, string[] arguments);
}
