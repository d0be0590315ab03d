using System;
using VirtioGuest.Commands.SelfTest;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>The runtime is the one that the first line of output names.</summary>
internal sealed class RuntimeVersionTest : SelfTestCase
{
    private readonly string _named;

    /// <summary>Creates the test.</summary>
    /// <param name="named">The version that was named.</param>
    public RuntimeVersionTest(string named)
        : base("the runtime is the version that the first line names")
    {
        _named = named;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        string actual = Environment.Version.ToString();
        return SelfTestResult.Expect(actual == _named, $"named {_named}, running {actual}");
    }
}
