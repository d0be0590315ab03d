namespace VirtioGuest.Commands.General;

/// <summary><c>poweroff</c>: switches the machine off.</summary>
public sealed class PowerOffCommand : Command
{
    /// <summary>Creates the command.</summary>
    public PowerOffCommand()
        : base("poweroff", "switch the machine off")
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

        shell.System.PowerOff();
        return CommandResult.End();
    }
}
