using System;
using System.IO;
using System.Text;

namespace VirtioGuest.Conformance.Reports;

/// <summary>Writes a run in all forms into a folder.</summary>
public static class ReportFolder
{
    private static readonly UTF8Encoding s_encoding = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);

    /// <summary>Writes <c>NAME.tap</c>, <c>NAME.xml</c>, <c>NAME.json</c> and <c>NAME.html</c>.</summary>
    public static void Write(ConformanceRun run, string folder, string name)
    {
        ArgumentNullException.ThrowIfNull(run);
        Directory.CreateDirectory(folder);
        using (StreamWriter tap = new StreamWriter(Path.Combine(folder, $"{name}.tap"), append: false, s_encoding))
        {
            TapReport.Write(run, tap);
        }

        using (FileStream junit = File.Create(Path.Combine(folder, $"{name}.xml")))
        {
            JUnitReport.Write(run, junit);
        }

        using (FileStream json = File.Create(Path.Combine(folder, $"{name}.json")))
        {
            JsonReport.Write(run, json);
        }

        using StreamWriter html = new StreamWriter(Path.Combine(folder, $"{name}.html"), append: false, s_encoding);
        HtmlReport.Write(run, html);
    }
}
