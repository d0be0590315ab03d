using System;
using System.IO;
using System.Reflection;
using System.Text;

namespace VirtioGuest.Conformance.Reports;

/// <summary>A run as one page that needs nothing besides: <c>report.html</c> with the JSON of the run in it.</summary>
public static class HtmlReport
{
    private const string Place = "/*RUN*/";

    /// <summary>Writes a run.</summary>
    public static void Write(ConformanceRun run, TextWriter output)
    {
        ArgumentNullException.ThrowIfNull(run);
        ArgumentNullException.ThrowIfNull(output);
        using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("report.html")
            ?? throw new InvalidOperationException("The page is missing.");
        using StreamReader reader = new StreamReader(stream);
        using MemoryStream json = new MemoryStream();
        JsonReport.Write(run, json);

        // JSON has no "<" of its own: within a string it may be written as an escape, and so nothing ends the script.
        string data = Encoding.UTF8.GetString(json.ToArray()).Replace("<", "\\u003C", StringComparison.Ordinal);
        output.Write(reader.ReadToEnd().Replace(Place, data, StringComparison.Ordinal));
    }
}
