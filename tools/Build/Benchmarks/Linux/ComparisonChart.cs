using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Xml.Linq;

namespace VirtioGuest.Build.Benchmarks.Linux;

/// <summary>
/// Draws a comparison as an SVG that needs nothing else: rates as multiples of Linux', because they differ too much to
/// share a scale, and instructions as they are. What our guest has not run is left out.
/// </summary>
internal sealed class ComparisonChart
{
    private const double Width = 860;
    private const double Margin = 20;
    private const double BarsLeft = 260;
    private const double LongestBar = 420;
    private const double BarHeight = 14;
    private const double RowHeight = (2 * BarHeight) + 16;
    private const double HeadingHeight = 34;
    private const double LineHeight = 16;
    private const double TextSize = 12;
    private const string OwnColour = "#1f6fb4";
    private const string LinuxColour = "#b0b7bf";
    private const string TextColour = "#24292f";

    private static readonly XNamespace s_svg = "http://www.w3.org/2000/svg";

    private readonly List<XElement> _parts = [];
    private double _y = Margin;

    private ComparisonChart()
    {
    }

    public static string Draw(ComparisonReport report)
    {
        var chart = new ComparisonChart();
        chart.AddLegend();
        foreach (Measure measure in new[] { Measure.Rate, Measure.Instructions })
        {
            IEnumerable<ComparisonRow> rows = report.Rows.Where(row => row.Workload.Measure == measure);
            chart.AddPanel(measure, [.. rows.Where(row => row.Own is not null)]);
        }

        foreach (string line in report.Method)
        {
            chart._y += LineHeight;
            chart.AddText(Margin, chart._y, line);
        }

        double height = chart._y + Margin;
        return new XElement(
            s_svg + "svg",
            new XAttribute("viewBox", $"0 0 {Number(Width)} {Number(height)}"),
            new XAttribute("width", Number(Width)),
            new XAttribute("height", Number(height)),
            new XAttribute("font-family", "system-ui, sans-serif"),
            new XAttribute("font-size", Number(TextSize)),
            new XElement(s_svg + "title", "VirtioGuest beside Linux"),
            Box(0, 0, Width, height, "#ffffff"),
            chart._parts) + "\n";
    }

    private void AddLegend()
    {
        double x = BarsLeft;
        foreach ((string name, string colour) in new[] { ("VirtioGuest", OwnColour), ("Linux", LinuxColour) })
        {
            _parts.Add(Box(x, _y, BarHeight, BarHeight, colour));
            AddText(x + BarHeight + 6, _y + BarHeight - 2, name);
            x += 120;
        }

        _y += BarHeight;
    }

    private void AddPanel(Measure measure, IReadOnlyList<ComparisonRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }

        bool isRate = measure == Measure.Rate;
        _y += HeadingHeight;
        AddText(
            Margin,
            _y - 10,
            isRate
                ? "Requests per second, drawn as a multiple of Linux' (longer is better)"
                : "Instructions per request, of the whole guest (shorter is better)",
            isBold: true);
        double scale = LongestBar / rows.Max(row => Math.Max(OwnLength(row).Most, LinuxLength(row).Most));
        foreach (ComparisonRow row in rows)
        {
            AddText(Margin, _y + BarHeight + 4, row.Workload.Title);
            string value = $"{Value(row.Own!.Value)}, ratio {Value(row.Ratio!.Value)}";
            AddBar(_y, OwnLength(row), scale, OwnColour, value);
            AddBar(_y + BarHeight, LinuxLength(row), scale, LinuxColour, Value(row.Linux));
            _y += RowHeight;
        }

        Spread OwnLength(ComparisonRow row) => isRate ? row.Ratio!.Value : row.Own!.Value;

        Spread LinuxLength(ComparisonRow row) => isRate ? new Spread(1, 1, 1) : row.Linux;

        static string Value(Spread spread) => ComparisonReport.Text(spread.Median);
    }

    // The bar ends at the median; the line across its end reaches from the least to the most.
    private void AddBar(double y, Spread length, double scale, string colour, string text)
    {
        _parts.Add(Box(BarsLeft, y, length.Median * scale, BarHeight - 1, colour));
        if (length.Most > length.Least)
        {
            double least = length.Least * scale;
            _parts.Add(Box(BarsLeft + least, y + (BarHeight / 2) - 1, (length.Most * scale) - least, 1, TextColour));
        }

        AddText(BarsLeft + (length.Most * scale) + 6, y + BarHeight - 3, text);
    }

    private void AddText(double x, double y, string text, bool isBold = false) => _parts.Add(new XElement(
        s_svg + "text",
        new XAttribute("x", Number(x)),
        new XAttribute("y", Number(y)),
        new XAttribute("fill", TextColour),
        isBold ? new XAttribute("font-weight", "bold") : null,
        text));

    private static XElement Box(double x, double y, double width, double height, string colour) => new(
        s_svg + "rect",
        new XAttribute("x", Number(x)),
        new XAttribute("y", Number(y)),
        new XAttribute("width", Number(width)),
        new XAttribute("height", Number(height)),
        new XAttribute("fill", colour));

    private static string Number(double value) => value.ToString("0.##", CultureInfo.InvariantCulture);
}
