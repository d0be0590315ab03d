using System;
using System.Globalization;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Reports;

/// <summary>What all reports say in the same words.</summary>
internal static class ReportText
{
    public static string NameOf(Outcome outcome) => outcome switch
    {
        Outcome.Pass => "PASS",
        Outcome.Fail => "FAIL",
        Outcome.Wedged => "WEDGED",
        Outcome.Skip => "SKIP",
        Outcome.ExpectedFailure => "XFAIL",
        Outcome.UnexpectedPass => "XPASS",
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };

    public static string NameOf(Level level) => level switch
    {
        Level.Must => "MUST",
        Level.Should => "SHOULD",
        Level.May => "MAY",
        Level.Format => "FORMAT",
        _ => throw new ArgumentOutOfRangeException(nameof(level)),
    };

    public static string NameOf(Severity severity) => severity switch
    {
        Severity.Damage => "damage",
        Severity.Hang => "hang",
        Severity.Failure => "failure",
        Severity.Waste => "waste",
        _ => throw new ArgumentOutOfRangeException(nameof(severity)),
    };

    public static string NameOf(Side side) => side == Side.Driver ? "driver" : "device";

    /// <summary>Where a requirement stands: <c>virtio 1.4, 2.8.16</c>.</summary>
    public static string PlaceOf(Requirement requirement) => $"virtio 1.4, {requirement.Block.Section}";

    public static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
