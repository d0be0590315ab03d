using System;
using NUnit.Framework;

namespace VirtioGuest.Architecture.Tests;

/// <summary>How a test reports what it found.</summary>
public static class Expect
{
    /// <summary>Fails with one line per offence, if there is any.</summary>
    public static void None(string[] offences)
    {
        if (offences.Length > 0)
        {
            Assert.Fail(string.Join(Environment.NewLine, offences));
        }
    }
}
