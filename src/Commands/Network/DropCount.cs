namespace VirtioGuest.Commands.Network;

/// <summary>How often frames or packets were dropped for one reason.</summary>
public sealed class DropCount
{
    /// <summary>Takes a count.</summary>
    /// <param name="count">How often.</param>
    /// <param name="reason">Why, in a few words.</param>
    public DropCount(ulong count, string reason)
    {
        Count = count;
        Reason = reason;
    }

    /// <summary>How often.</summary>
    public ulong Count { get; }

    /// <summary>Why, in a few words.</summary>
    public string Reason { get; }
}
