using System.Globalization;
using VirtioGuest.Architecture.Tests.Subset.Rules;

namespace VirtioGuest.Architecture.Tests.Violations;

/// <summary>Ways from a number to text.</summary>
public static class Numbers
{
    [Breaks(typeof(NumberText))]
    public static string Narrow(ushort value) => value.ToString(CultureInfo.InvariantCulture);

    [Breaks(typeof(NumberText))]
    public static string Wide(ulong value) => value.ToString("x", CultureInfo.InvariantCulture);

    public static string Cast(ushort value) => ((int)value).ToString(CultureInfo.InvariantCulture);
}
