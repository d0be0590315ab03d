using System;
using VirtioGuest.Kernel.SelfTest;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>selftest</c>: checks the runtime, LibOS and every device that is attached.</summary>
internal sealed class SelfTestCommand : Command
{
    /// <summary>Creates the command.</summary>
    public SelfTestCommand()
        : base("selftest", "check everything that is attached, and report as TAP version 14")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        TapReport report = shell.SelfTests.Run(shell.Output);
        return report.Failures == 0
            ? CommandResult.Success
            : CommandResult.Failure($"{report.Failures} of {report.Count} self-tests failed");
    }
}
