using System;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>help</c>: every command with its arguments and what it does.</summary>
internal sealed class HelpCommand : Command
{
    /// <summary>Creates the command.</summary>
    public HelpCommand()
        : base("help", "show the commands")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        int width = 0;
        foreach (Command command in shell.Commands)
        {
            width = Math.Max(width, command.Usage.Length);
        }

        foreach (Command command in shell.Commands)
        {
            shell.Output.WriteLine(Column.Left(command.Usage, width + 2) + command.Summary);
        }

        shell.Output.WriteLine("Numbers are decimal, or hexadecimal after 0x. A semicolon separates commands.");
        return CommandResult.Success;
    }
}
