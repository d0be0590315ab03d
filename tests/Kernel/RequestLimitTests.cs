using System;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.FirmwareConfiguration;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The word <c>timeout=</c> on the kernel command line.</summary>
[TestFixture]
internal sealed class RequestLimitTests
{
    [TestCase("", 0)]
    [TestCase("run=exit", 0)]
    [TestCase("timeout=0", 0)]
    [TestCase("timeout=1", 1)]
    [TestCase("timeout=5 run='blk 0 read 0 1'", 5)]
    [TestCase("timeout=5 timeout=7", 7)]
    [TestCase("'timeout=86400'", 86400)]
    [TestCase("xtimeout=5", 0)]
    [TestCase("run='timeout=5", 0)]
    public void A_limit_is_read(string commandLine, int seconds)
    {
        var output = new RecordingOutput();
        Assert.That(RequestLimit.Read(commandLine, output), Is.EqualTo(TimeSpan.FromSeconds(seconds)));
        Assert.That(output.Text, Is.Empty);
    }

    [TestCase("timeout=")]
    [TestCase("timeout=abc")]
    [TestCase("timeout=-1")]
    [TestCase("timeout=1.5")]
    [TestCase("timeout=5s")]
    [TestCase("timeout=86401")]
    [TestCase("timeout=99999999999999999999")]
    [TestCase("'timeout= 5'")]
    public void A_value_that_is_no_limit_costs_a_line(string commandLine)
    {
        var output = new RecordingOutput();
        Assert.That(RequestLimit.Read(commandLine, output), Is.EqualTo(TimeSpan.Zero));
        Assert.That(
            output.Lines,
            Is.EqualTo(new[]
            {
                "error: " + commandLine.Trim('\'')
                + ": takes seconds, 1 to 86400, or 0 for no limit; there is none now",
            }));
    }
}
