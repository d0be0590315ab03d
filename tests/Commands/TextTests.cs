using System;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests;

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
    public void HexDump_does_not_leave_out_equal_lines()
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
    public void HexDump_of_many_bytes_is_written_in_large_pieces()
    {
        var output = new RecordingOutput();
        var dump = new HexDump(output, 0);
        dump.Append(new byte[64 * 1024]);
        dump.End();

        Assert.That(output.Lines, Has.Length.EqualTo(4097));
        Assert.That(output.Writes, Is.LessThan(200));
    }

    [Test]
    public void Column_pads_what_is_short_and_keeps_what_is_long()
    {
        Assert.That(Column.Left("ab", 4) + "|" + Column.Left("abcd", 4) + "|" + Column.Left("abcde", 4),
            Is.EqualTo("ab  |abcd|abcde"));
        Assert.That(Column.Right(12, 4) + "|" + Column.Right(1234, 4) + "|" + Column.Right(12345, 4),
            Is.EqualTo("  12|1234|12345"));
        Assert.That(Column.ZeroFilled(7, 3) + "|" + Column.ZeroFilled(1234, 3), Is.EqualTo("007|1234"));
    }

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
    public void TextOutput_writes_a_line_of_usual_length_in_one_piece()
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
