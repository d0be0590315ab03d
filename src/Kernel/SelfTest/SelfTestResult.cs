namespace VirtioGuest.Kernel.SelfTest;

/// <summary>How a self-test ended.</summary>
internal readonly struct SelfTestResult
{
    /// <summary>All is well.</summary>
    public static readonly SelfTestResult Passed = new(SelfTestOutcome.Passed, "");

    private SelfTestResult(SelfTestOutcome outcome, string reason)
    {
        Outcome = outcome;
        Reason = reason;
    }

    /// <summary>How it ended.</summary>
    public SelfTestOutcome Outcome { get; }

    /// <summary>Why, in one line, unless it passed.</summary>
    public string Reason { get; }

    /// <summary>Something is wrong.</summary>
    public static SelfTestResult Failed(string reason) => new(SelfTestOutcome.Failed, reason);

    /// <summary>There is nothing to test it on.</summary>
    public static SelfTestResult Skipped(string reason) => new(SelfTestOutcome.Skipped, reason);

    /// <summary>Passed where a condition holds.</summary>
    /// <param name="condition">What must be true.</param>
    /// <param name="reason">What it means that it is not.</param>
    public static SelfTestResult Expect(bool condition, string reason) => condition ? Passed : Failed(reason);
}
