using System;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>poweroff</c>: switches the machine off.</summary>
internal sealed class PowerOffCommand : Command
{
    /// <summary>Creates the command.</summary>
    public PowerOffCommand()
        : base("poweroff", "switch the machine off")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        shell.System.PowerOff();
        return CommandResult.End();
    }
}
