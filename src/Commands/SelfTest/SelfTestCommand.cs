using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Commands.SelfTest;

/// <summary><c>selftest</c>: checks the machine and every device that is attached.</summary>
public sealed class SelfTestCommand : Command
{
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

/// <summary>The self-tests, in order.</summary>
public sealed class SelfTestPlan
{
    private readonly SelfTestCase[] _cases;

    public SelfTestPlan(SelfTestCase[] cases)
    {
        _cases = cases;
    }

    /// <summary>Runs every test, whatever the ones before found, until Ctrl+C is typed.</summary>
    public TapReport Run(ShellContext shell)
    {
        var report = new TapReport(shell.Output, _cases.Length);
        foreach (SelfTestCase test in _cases)
        {
            if (shell.IsInterrupted)
            {
                report.BailOut("interrupted");
                return report;
            }

            report.Add(test.Name, test.Run());
        }

        return report;
    }
}
