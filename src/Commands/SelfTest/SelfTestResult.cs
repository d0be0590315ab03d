namespace VirtioGuest.Commands.SelfTest;

/// <summary>How a self-test ended.</summary>
public readonly struct SelfTestResult
{
    private SelfTestResult(SelfTestOutcome outcome, string reason)
    {
        Outcome = outcome;
        Reason = reason;
    }

    /// <summary>All is well.</summary>
    public static SelfTestResult Passed => new(SelfTestOutcome.Passed, "");

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
