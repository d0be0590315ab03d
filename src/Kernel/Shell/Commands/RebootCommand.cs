using System;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>reboot</c>: starts the machine again.</summary>
internal sealed class RebootCommand : Command
{
    /// <summary>Creates the command.</summary>
    public RebootCommand()
        : base("reboot", "start the machine again")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        shell.System.Reset();
        return CommandResult.End();
    }
}
