using System;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Kernel.Shell;
using VirtioGuest.Kernel.Tests.Fakes;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Tests;

[TestFixture]
internal sealed class TextTests
{
    [Test]
    public void HexDump_has_the_layout_of_hexdump_C()
    {
        byte[] bytes = Encoding.ASCII.GetBytes("Hello, virtio!\n\0\x7F~ z");
        var output = new RecordingOutput();
        var dump = new HexDump(output, 512);
        dump.Append(bytes);
        dump.End();

        Assert.That(output.Lines, Is.EqualTo(new[]
        {
            "00000200  48 65 6c 6c 6f 2c 20 76  69 72 74 69 6f 21 0a 00  |Hello, virtio!..|",
            "00000210  7f 7e 20 7a                                       |.~ z|",
            "00000214",
        }));
    }

    [Test]
    public void HexDump_writes_equal_lines_out()
    {
        var output = new RecordingOutput();
        var dump = new HexDump(output, 0);
        dump.Append(new byte[512]);
        dump.End();

        Assert.That(output.Lines, Has.Length.EqualTo(33));
        Assert.That(output.Lines[31], Does.StartWith("000001f0  00 00"));
    }

    [TestCase(0xFFFFFFF0UL, "fffffff0  ", "100000000")]
    [TestCase(0x1_0000_0000UL, "100000000  ", "100000010")]
    [TestCase(0xFFFF_FFFF_FFFF_FFE0UL, "ffffffffffffffe0  ", "fffffffffffffff0")]
    public void HexDump_takes_more_digits_where_needed(ulong offset, string start, string end)
    {
        var output = new RecordingOutput();
        var dump = new HexDump(output, offset);
        dump.Append(new byte[16]);
        dump.End();

        Assert.That(output.Lines[0], Does.StartWith(start));
        Assert.That(output.Lines[1], Is.EqualTo(end));
    }

    [Test]
    public void HexDump_of_much_is_written_in_large_pieces()
    {
        var output = new RecordingOutput();
        var dump = new HexDump(output, 0);
        dump.Append(new byte[64 * 1024]);
        dump.End();

        Assert.That(output.Lines, Has.Length.EqualTo(4097));
        Assert.That(output.Writes, Is.LessThan(200));
    }

    [TestCase("0", 0UL)]
    [TestCase("18446744073709551615", ulong.MaxValue)]
    [TestCase("0x0", 0UL)]
    [TestCase("0XfF", 255UL)]
    [TestCase("0xffffffffffffffff", ulong.MaxValue)]
    [TestCase("007", 7UL)]
    public void Number_reads_decimal_and_hexadecimal(string text, ulong expected)
    {
        Assert.That(Number.TryParse(text, out ulong value), Is.True);
        Assert.That(value, Is.EqualTo(expected));
    }

    [TestCase("")]
    [TestCase("-1")]
    [TestCase("+1")]
    [TestCase("1 ")]
    [TestCase("1,000")]
    [TestCase("1.0")]
    [TestCase("0x")]
    [TestCase("0x-1")]
    [TestCase("0xg")]
    [TestCase("x10")]
    [TestCase("ten")]
    [TestCase("18446744073709551616")]
    [TestCase("0x10000000000000000")]
    public void Number_refuses_everything_else(string text) =>
        Assert.That(Number.TryParse(text, out _), Is.False);

    [TestCase(0UL, "0 bytes")]
    [TestCase(1023UL, "1023 bytes")]
    [TestCase(1024UL, "1 KiB")]
    [TestCase(1536UL, "1.5 KiB")]
    [TestCase(67108864UL, "64 MiB")]
    [TestCase(6UL << 30, "6 GiB")]
    [TestCase((1UL << 30) + 1, "1.0 GiB")]
    [TestCase(ulong.MaxValue, "15.9 EiB")]
    public void ByteCount_takes_the_largest_unit(ulong bytes, string expected) =>
        Assert.That(ByteCount.Format(bytes), Is.EqualTo(expected));

    [Test]
    public void TextOutput_writes_a_usual_line_in_one_piece()
    {
        var output = new RecordingOutput();
        output.WriteLine(new string('x', 255));
        Assert.That(output.Writes, Is.EqualTo(1));
        Assert.That(output.Text, Is.EqualTo(new string('x', 255) + "\n"));
    }

    [TestCase(256)]
    [TestCase(257)]
    [TestCase(1000)]
    public void TextOutput_loses_nothing_of_a_long_line(int length)
    {
        var output = new RecordingOutput();
        string text = string.Create(length, 0, (span, _) =>
        {
            for (int index = 0; index < span.Length; index++)
            {
                span[index] = (char)('a' + (index % 26));
            }
        });
        output.WriteLine(text);
        Assert.That(output.Text, Is.EqualTo(text + "\n"));
    }

    [Test]
    public void TextOutput_is_ASCII()
    {
        var output = new RecordingOutput();
        output.Write("na\u00EFve \u20AC\x7F");
        Assert.That(output.Text, Is.EqualTo("na?ve ??"));
    }

    [Test]
    public void OutputLog_marks_warnings()
    {
        var output = new RecordingOutput();
        var log = new OutputLog(output);
        log.Information("a");
        log.Warning("b");
        Assert.That(output.Text, Is.EqualTo("a\nwarning: b\n"));
    }
}
