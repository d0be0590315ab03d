using System;
using System.Globalization;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways from an enumeration to text.</summary>
public static class EnumNames
{
    [Breaks(typeof(EnumText))]
    public static string Plain(DayOfWeek day) => day.ToString();

    [Breaks(typeof(EnumText))]
    public static string Through(Enum value) => value.ToString("d");

    [Breaks(typeof(EnumText))]
    public static string Interpolated(DayOfWeek day) => $"it is {day}";

    [Breaks(typeof(EnumText))]
    public static string Padded(DayOfWeek day) => $"it is {day,12:d}";

    [Breaks(typeof(EnumText))]
    public static string Joined(DayOfWeek day) => "it is " + day;

    [Breaks(typeof(EnumText))]
    public static string Formatted(DayOfWeek day) => string.Format(CultureInfo.InvariantCulture, "{0}", day);

    [Breaks(typeof(EnumText))]
    public static string? Named(DayOfWeek day) => Enum.GetName(day);

    public static string Number(DayOfWeek day) => $"{(int)day}";

    public static string Spelled(DayOfWeek day) => day switch
    {
        DayOfWeek.Monday => "Monday",
        _ => "another day",
    };

    public static bool Same(DayOfWeek one, DayOfWeek other) => one == other;
}
