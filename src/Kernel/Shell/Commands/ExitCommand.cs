using System;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary>
/// <c>exit</c>: ends QEMU with process status 33 where every command succeeded and 35 where one failed; without the
/// exit device it switches the machine off.
/// </summary>
internal sealed class ExitCommand : Command
{
    private const byte Succeeded = 0x10;
    private const byte Failed = 0x11;

    /// <summary>Creates the command.</summary>
    public ExitCommand()
        : base("exit", "end QEMU with the result of all commands so far")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        shell.System.DebugExit(shell.HasFailed ? Failed : Succeeded);
        shell.System.PowerOff();
        return CommandResult.End();
    }
}
