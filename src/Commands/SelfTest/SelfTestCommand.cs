using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest;

/// <summary><c>selftest</c>: checks the machine and every device that is attached.</summary>
public sealed class SelfTestCommand : Command
{
    /// <summary>Creates the command.</summary>
    public SelfTestCommand()
        : base("selftest", "check everything that is attached, and report as TAP version 14")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        TapReport report = shell.SelfTests.Run(shell);
        if (shell.IsInterrupted)
        {
            return CommandResult.Interrupted;
        }

        return report.Failures == 0
            ? CommandResult.Success
            : CommandResult.Failure(
                DecimalText.Of((uint)report.Failures) + " of " + DecimalText.Of((uint)report.Count)
                + " self-tests failed");
    }
}
