using System;
using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// A test that takes too long for every change: it runs where the environment variable VIRTIOGUEST_NIGHTLY is 1.
/// </summary>
[AttributeUsage(AttributeTargets.Class | AttributeTargets.Method)]
public sealed class NightlyOnlyAttribute : CategoryAttribute, IApplyToTest
{
    private const string Variable = "VIRTIOGUEST_NIGHTLY";

    /// <summary>Puts the test into the category NightlyOnly.</summary>
    public NightlyOnlyAttribute()
        : base("NightlyOnly")
    {
    }

    /// <summary>Whether such tests run.</summary>
    public static bool IsNightly => Environment.GetEnvironmentVariable(Variable) == "1";

    /// <inheritdoc/>
    void IApplyToTest.ApplyToTest(Test test)
    {
        ApplyToTest(test);
        if (test.RunState == RunState.Runnable && !IsNightly)
        {
            test.RunState = RunState.Skipped;
            test.Properties.Set(PropertyNames.SkipReason, $"runs with {Variable}=1");
        }
    }
}
