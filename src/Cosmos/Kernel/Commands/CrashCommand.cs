using System;
using VirtioGuest.Commands;

namespace VirtioGuest.Cosmos.Kernel.Commands;

/// <summary><c>crash KIND</c>: fails on purpose, so that the report can be looked at.</summary>
internal sealed class CrashCommand : Command
{
    /// <summary>Creates the command.</summary>
    internal CrashCommand()
        : base("crash KIND", "fail on purpose: exception")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length == 1 && arguments[0] == "exception")
        {
            throw new InvalidOperationException("asked for by the crash command");
        }

        return CommandResult.WrongArguments;
    }
}
