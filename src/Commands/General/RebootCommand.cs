namespace VirtioGuest.Commands.General;

/// <summary><c>reboot</c>: starts the machine again.</summary>
public sealed class RebootCommand : Command
{
    /// <summary>Creates the command.</summary>
    public RebootCommand()
        : base("reboot", "start the machine again")
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

        shell.System.Reset();
        return CommandResult.End();
    }
}
