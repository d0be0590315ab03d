namespace VirtioGuest.Kernel.SelfTest;

/// <summary>The ways in which a self-test ends.</summary>
internal enum SelfTestOutcome
{
    /// <summary>All is well.</summary>
    Passed,

    /// <summary>Something is wrong.</summary>
    Failed,

    /// <summary>There is nothing to test it on.</summary>
    Skipped,
}
