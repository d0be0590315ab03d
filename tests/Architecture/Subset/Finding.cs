namespace VirtioGuest.Architecture.Tests.Subset;

/// <summary>A place in a compiled assembly that breaks a rule.</summary>
/// <param name="Type">The type's full name, nested types after a slash.</param>
/// <param name="Member">The method, field or event, or nothing where the type itself is at fault.</param>
/// <param name="Offset">The offset of the instruction in the method's IL, or nothing where no instruction is.</param>
/// <param name="What">What stands there.</param>
public sealed record Finding(string Type, string? Member, int? Offset, string What)
{
    /// <inheritdoc/>
    public override string ToString()
    {
        string member = Member is null ? string.Empty : $"::{Member}";
        string offset = Offset is null ? string.Empty : $" IL_{Offset:x4}";
        return $"{Type}{member}{offset}: {What}";
    }
}
