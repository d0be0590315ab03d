namespace VirtioGuest.Hal;

/// <summary>Something that was counted, for people.</summary>
public readonly struct Counter
{
    /// <summary>Names a count.</summary>
    public Counter(string name, ulong value)
    {
        Name = name;
        Value = value;
    }

    /// <summary>What was counted, for example <c>frames received</c>.</summary>
    public string Name { get; }

    /// <summary>How often.</summary>
    public ulong Value { get; }
}
