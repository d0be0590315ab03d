namespace VirtioGuest.Commands;

/// <summary>How a shell runs a command: here and now, unless a kernel knows better.</summary>
public class CommandRunner
{
    /// <summary>Runs a command.</summary>
    /// <param name="command">Which.</param>
    /// <param name="shell">Where it is run.</param>
    /// <param name="arguments">The words after its name.</param>
    public virtual CommandResult Run(Command command, ShellContext shell, string[] arguments) =>
        command.Run(shell, arguments);
}
