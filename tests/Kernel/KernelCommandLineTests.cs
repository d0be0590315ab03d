using System;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Kernel.FirmwareConfiguration;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class KernelCommandLineTests
{
    [TestCase("run='a; b'", "a; b", TestName = "as QEMU passes it")]
    [TestCase("\"run=a; b\"", "a; b", TestName = "as GRUB hands it over")]
    [TestCase("run=word", "word", TestName = "a single word")]
    [TestCase("run=\"a; b\"", "a; b", TestName = "double quotes around the value")]
    [TestCase("'run=a; b'", "a; b", TestName = "single quotes around the word")]
    [TestCase("/boot/kernel quiet run='a; b' last", "a; b", TestName = "among other words")]
    [TestCase("console=\"tty 0\" \"run=a; b\" x='1 2'", "a; b", TestName = "among other quoted words")]
    [TestCase("run='say \"hi\"'", "say \"hi\"", TestName = "the other quote inside of quotes")]
    [TestCase("\"run=say \\\"hi\\\"\"", "say \"hi\"", TestName = "a quote that GRUB protected")]
    [TestCase("\"run=a\\\\b\"", "a\\b", TestName = "a backslash that GRUB protected")]
    [TestCase("run='C:\\dir'", "C:\\dir", TestName = "a backslash before another character")]
    [TestCase("run=one run=two", "two", TestName = "the last of several")]
    [TestCase("run=", "", TestName = "an empty value")]
    [TestCase("run=a'; 'b", "a; b", TestName = "quotes within the word")]
    public void Run_is_found(string text, string expected)
    {
        KernelCommandLine line = KernelCommandLine.Parse(text);
        Assert.That(line.HasOpenQuote, Is.False);
        Assert.That(line.TryGetValue("run", out string? value), Is.True);
        Assert.That(value, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("   ")]
    [TestCase("quiet")]
    [TestCase("run")]
    [TestCase("rerun=a runs=b")]
    [TestCase("'x run=a'")]
    public void Run_is_not_found_where_it_is_not(string text)
    {
        Assert.That(KernelCommandLine.Parse(text).TryGetValue("run", out _), Is.False);
    }

    [TestCase("run='a; b")]
    [TestCase("\"run=a; b")]
    [TestCase("run=\"a'")]
    [TestCase("run='a\\'")]
    public void An_open_quote_is_noticed(string text) =>
        Assert.That(KernelCommandLine.Parse(text).HasOpenQuote, Is.True);

    [Test]
    public void An_open_quote_is_a_character_like_others() =>
        Assert.That(
            KernelCommandLine.Parse("it's a=\"b c\" 5\" d").Words, Is.EqualTo(new[] { "it's", "a=b c", "5\"", "d" }));

    [Test]
    public void Words_come_in_order_with_quotes_taken_off()
    {
        KernelCommandLine line = KernelCommandLine.Parse(" a  'b c'\t\"\" d=1 ");
        Assert.That(line.Words, Is.EqualTo(new[] { "a", "b c", "", "d=1" }));
    }
}

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
