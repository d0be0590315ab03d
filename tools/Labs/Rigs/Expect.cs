namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>What a check expects of a driver.</summary>
internal static class Expect
{
    /// <summary>Fails the check unless a condition holds.</summary>
    /// <param name="holds">The condition.</param>
    /// <param name="seen">What the driver did where it does not.</param>
    /// <param name="expected">What it should have done.</param>
    /// <param name="read">Where to read about it; empty for the lab's text.</param>
    public static void That(bool holds, string seen, string expected, string read = "")
    {
        if (!holds)
        {
            throw new CheckFailedException(new Finding(string.Empty, seen, expected, read));
        }
    }
}
