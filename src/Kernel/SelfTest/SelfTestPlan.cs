using System.Collections.Generic;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.SelfTest;

/// <summary>The self-tests, in order.</summary>
internal sealed class SelfTestPlan
{
    private readonly IReadOnlyList<SelfTestCase> _cases;

    /// <summary>Creates a plan.</summary>
    public SelfTestPlan(IReadOnlyList<SelfTestCase> cases)
    {
        _cases = cases;
    }

    /// <summary>Runs every test, whatever the ones before found.</summary>
    public TapReport Run(TextOutput output)
    {
        var report = new TapReport(output, _cases.Count);
        foreach (SelfTestCase test in _cases)
        {
            report.Add(test.Name, test.Run());
        }

        return report;
    }
}
