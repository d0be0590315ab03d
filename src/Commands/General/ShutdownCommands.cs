namespace VirtioGuest.Commands.General;

/// <summary>
/// <c>exit</c>: ends QEMU with process status 33 if every command succeeded and 35 if one failed; without the exit
/// device it switches the machine off.
/// </summary>
public sealed class ExitCommand : Command
{
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

/// <summary><c>poweroff</c>: switches the machine off.</summary>
public sealed class PowerOffCommand : Command
{
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

        shell.System.Settle();
        shell.System.PowerOff();
        return CommandResult.End();
    }
}

/// <summary><c>reboot</c>: starts the machine again.</summary>
public sealed class RebootCommand : Command
{
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

        shell.System.Settle();
        shell.System.Reset();
        return CommandResult.End();
    }
}
