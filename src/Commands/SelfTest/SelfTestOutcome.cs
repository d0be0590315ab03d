namespace VirtioGuest.Commands.SelfTest;

/// <summary>The ways in which a self-test ends.</summary>
public enum SelfTestOutcome
{
    /// <summary>All is well.</summary>
    Passed,

    /// <summary>Something is wrong.</summary>
    Failed,

    /// <summary>There is nothing to test it on.</summary>
    Skipped,
}
