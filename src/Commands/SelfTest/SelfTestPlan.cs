namespace VirtioGuest.Commands.SelfTest;

/// <summary>The self-tests, in order.</summary>
public sealed class SelfTestPlan
{
    private readonly SelfTestCase[] _cases;

    /// <summary>Creates a plan.</summary>
    public SelfTestPlan(SelfTestCase[] cases)
    {
        _cases = cases;
    }

    /// <summary>Runs every test, whatever the ones before found, unless somebody types Ctrl+C.</summary>
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
