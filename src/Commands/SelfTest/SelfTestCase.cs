namespace VirtioGuest.Commands.SelfTest;

/// <summary>One thing that must work.</summary>
public abstract class SelfTestCase
{
    /// <param name="name">What works when it passes, as a short sentence.</param>
    protected SelfTestCase(string name)
    {
        Name = name;
    }

    /// <summary>What works when it passes.</summary>
    public string Name { get; }

    /// <summary>Runs the test. It ends in bounded time and leaves everything as it was.</summary>
    public abstract SelfTestResult Run();
}

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

    /// <summary>Passed if a condition holds, else failed.</summary>
    /// <param name="condition">What must be true.</param>
    /// <param name="reason">What is wrong where it is not.</param>
    public static SelfTestResult Expect(bool condition, string reason) => condition ? Passed : Failed(reason);
}

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
