namespace VirtioGuest.Commands.SelfTest;

/// <summary>One thing that must work.</summary>
public abstract class SelfTestCase
{
    /// <summary>Names a test.</summary>
    /// <param name="name">What works when it passes, as a short sentence.</param>
    protected SelfTestCase(string name)
    {
        Name = name;
    }

    /// <summary>What works when it passes.</summary>
    public string Name { get; }

    /// <summary>Runs it. It ends in bounded time and leaves everything as it was.</summary>
    public abstract SelfTestResult Run();
}
