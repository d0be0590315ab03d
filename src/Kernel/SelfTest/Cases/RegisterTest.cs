using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>Threads find their registers as they left them; <c>stress registers</c> does the same for longer.</summary>
internal sealed class RegisterTest : SelfTestCase
{
    /// <summary>Creates the test.</summary>
    public RegisterTest()
        : base("threads keep their registers")
    {
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        string? failure = RegisterStress.RunBriefly();
        return failure is null ? SelfTestResult.Passed : SelfTestResult.Failed(failure);
    }
}
