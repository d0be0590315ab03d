using System;
using System.Collections.Generic;
using System.Linq;
using System.Xml.Linq;

namespace VirtioGuest.Build.Testing;

/// <summary>What a report in Visual Studio's format (TRX) says.</summary>
/// <param name="Counts">How the tests went.</param>
/// <param name="Failures">Name, message and stack trace of each that failed.</param>
internal sealed record TestReport(TestCounts Counts, IReadOnlyList<string> Failures)
{
    public static TestReport Read(string path) => Parse(XDocument.Load(path));

    internal static TestReport Parse(XDocument report)
    {
        XNamespace schema = "http://microsoft.com/schemas/VisualStudio/TeamTest/2010";
        int passed = 0;
        int skipped = 0;
        List<string> failures = [];
        foreach (XElement result in report.Descendants(schema + "UnitTestResult"))
        {
            switch ((string?)result.Attribute("outcome"))
            {
                case "Passed":
                    passed++;
                    break;
                case "NotExecuted":
                    skipped++;
                    break;
                default:
                    IEnumerable<XElement> details = result.Descendants(schema + "ErrorInfo").Elements();
                    string text = string.Join("\n", details.Select(part => part.Value));
                    failures.Add($"FAILED {(string?)result.Attribute("testName")}\n{text}");
                    break;
            }
        }

        return new TestReport(new TestCounts(passed, failures.Count, skipped), failures);
    }
}
