using System;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.General;

/// <summary><c>help</c>: shows every command with its arguments and what it does.</summary>
public sealed class HelpCommand : Command
{
    public HelpCommand()
        : base("help", "show the commands")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
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
