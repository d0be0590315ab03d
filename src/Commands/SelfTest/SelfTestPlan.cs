using VirtioGuest.Commands.Text;

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

    /// <summary>Runs every test, whatever the ones before found.</summary>
    public TapReport Run(TextOutput output)
    {
        var report = new TapReport(output, _cases.Length);
        foreach (SelfTestCase test in _cases)
        {
            report.Add(test.Name, test.Run());
        }

        return report;
    }
}
