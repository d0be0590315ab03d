namespace VirtioGuest.Commands.General;

/// <summary>
/// <c>exit</c>: ends QEMU with process status 33 where every command succeeded and 35 where one failed; without the
/// exit device it switches the machine off.
/// </summary>
public sealed class ExitCommand : Command
{
    /// <summary>Creates the command.</summary>
    public ExitCommand()
        : base("exit", "end QEMU with the result of all commands so far")
    {
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        shell.System.Exit(shell.HasFailed);
        return CommandResult.End();
    }
}
