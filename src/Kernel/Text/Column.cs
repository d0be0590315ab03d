namespace VirtioGuest.Kernel.Text;

/// <summary>Fields of a table, padded with blanks; a field that is too long pushes the rest of its line.</summary>
internal static class Column
{
    /// <summary>Text at the left of its column.</summary>
    public static string Left(string text, int width) => text.PadRight(width);

    /// <summary>A number at the right of its column.</summary>
    public static string Right(ulong number, int width) => number.ToString().PadLeft(width);
}
