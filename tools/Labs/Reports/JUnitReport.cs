using System.Globalization;
using System.IO;
using System.Linq;
using System.Xml.Linq;

namespace VirtioGuest.Labs.Grader.Reports;

/// <summary>A grade in JUnit's form, for CI systems.</summary>
internal static class JUnitReport
{
    /// <summary>Writes it.</summary>
    public static void Write(Grade grade, TextWriter output)
    {
        string name = $"lab {grade.Lab.Number}: {grade.Lab.Title}";
        string seconds = grade.Duration.TotalSeconds.ToString("0.000", CultureInfo.InvariantCulture);
        XElement suite = new XElement(
            "testsuite",
            new XAttribute("name", name),
            new XAttribute("tests", grade.Results.Count),
            new XAttribute("failures", grade.Results.Count(each => !each.HasPassed)),
            new XAttribute("time", seconds),
            grade.Results.Select(each => new XElement(
                "testcase",
                new XAttribute("classname", $"lab{grade.Lab.Number}"),
                new XAttribute("name", each.Name),
                each.Finding is null
                    ? null
                    : new XElement(
                        "failure",
                        new XAttribute("message", Clean(each.Finding.Seen)),
                        Clean(GradescopeReport.InWords(each, grade.Lab))))));
        output.WriteLine(new XElement("testsuites", suite));
    }

    /// <summary>XML has no place for most control characters, which a driver may have put into a message.</summary>
    private static string Clean(string text) =>
        new([.. text.Select(each => each < ' ' && each is not ('\n' or '\t') ? '?' : each)]);
}
