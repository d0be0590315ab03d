using VirtioGuest.Pci;

namespace VirtioGuest.Commands.Block;

/// <summary>Says to people which sectors are meant.</summary>
internal static class SectorRange
{
    /// <summary>For example <c>8 sectors from 100 on</c>.</summary>
    public static string Describe(ulong first, ulong count) =>
        DecimalText.Of(count) + " sectors from " + DecimalText.Of(first) + " on";
}
