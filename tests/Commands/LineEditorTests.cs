using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests;

[TestFixture]
internal sealed class LineEditorTests
{
    private const string Up = "\x1B[A";
    private const string Down = "\x1B[B";

    [TestCase("help\r", "help")]
    [TestCase("help\n", "help")]
    [TestCase("helq\x7Fp\r", "help")]
    [TestCase("helq\bp\r", "help")]
    [TestCase("\x7F\x7Fhelp\r", "help", TestName = "backspace at the start does nothing")]
    [TestCase("wrong\x15help\r", "help", TestName = "Ctrl-U clears")]
    [TestCase("he\x1B[Clp\r", "help", TestName = "an unknown key is ignored")]
    [TestCase("he\x1B[15~lp\r", "help", TestName = "a long unknown key is ignored")]
    [TestCase("he\x1BOPlp\r", "help", TestName = "a function key is ignored")]
    [TestCase("blk\t0\r", "blk 0", TestName = "a tab separates words")]
    [TestCase("blk 0 read\x17help\r", "blk 0 help", TestName = "Ctrl-W erases a word")]
    [TestCase("blk 0  \x17\x17help\r", "help", TestName = "Ctrl-W erases blanks with the word")]
    [TestCase("h\x01\x7F" + "elp\r", "help", TestName = "a control character can be erased")]
    [TestCase("\x04", "exit", TestName = "Ctrl-D on an empty line is exit")]
    [TestCase("\r", "")]
    public void ReadLine_gives_what_was_meant(string keys, string expected)
    {
        var editor = new LineEditor(new ScriptedInput(keys), new RecordingOutput());
        Assert.That(editor.ReadLine("> "), Is.EqualTo(expected));
    }

    [Test]
    public void ReadLine_echoes_after_the_prompt()
    {
        var output = new RecordingOutput();
        new LineEditor(new ScriptedInput("ab\x7F" + "c\r"), output).ReadLine("vg> ");
        Assert.That(output.Text, Is.EqualTo("vg> ab\b \bc\n"));
    }

    [Test]
    public void ReadLine_takes_CR_LF_for_one_end()
    {
        var editor = new LineEditor(new ScriptedInput("a\r\nb\n\nc\r\rd\r"), new RecordingOutput());
        Assert.That(editor.ReadLine(""), Is.EqualTo("a"));
        Assert.That(editor.ReadLine(""), Is.EqualTo("b"));
        Assert.That(editor.ReadLine(""), Is.Empty);
        Assert.That(editor.ReadLine(""), Is.EqualTo("c"));
        Assert.That(editor.ReadLine(""), Is.Empty);
        Assert.That(editor.ReadLine(""), Is.EqualTo("d"));
    }

    [Test]
    public void ReadLine_gives_a_line_up_at_Ctrl_C()
    {
        var output = new RecordingOutput();
        var input = new ScriptedInput("crash\x03");
        Assert.That(new LineEditor(input, output).ReadLine(""), Is.Empty);
        Assert.That(output.Text, Is.EqualTo("crash^C\n"));
        Assert.That(input.IsUsedUp, Is.True);
    }

    [Test]
    public void ReadLine_goes_through_the_history()
    {
        var keys = new StringBuilder("one\rtwo\rtwo\r  \r");
        keys.Append(Up + "\r");
        keys.Append(Up + Up + "\r");
        keys.Append(Up + Up + Up + Up + Up + "\r");
        keys.Append(Up + Down + "new\r");
        keys.Append("x" + Up + Down + Down + "\r");
        var editor = new LineEditor(new ScriptedInput(keys.ToString()), new RecordingOutput());
        for (int line = 0; line < 4; line++)
        {
            editor.ReadLine("");
        }

        Assert.That(editor.ReadLine(""), Is.EqualTo("two"), "one step back");
        Assert.That(editor.ReadLine(""), Is.EqualTo("one"), "equal neighbours and blank lines are kept once");
        Assert.That(editor.ReadLine(""), Is.EqualTo("one"), "the oldest is the end");
        Assert.That(editor.ReadLine(""), Is.EqualTo("new"), "down from the newest is an empty line");
        Assert.That(editor.ReadLine(""), Is.Empty, "what was being typed is given up");
    }

    [Test]
    public void ReadLine_redraws_a_line_from_history_and_edits_it()
    {
        var output = new RecordingOutput();
        var editor = new LineEditor(new ScriptedInput("one\rab" + Up + "\x7F" + "x\r"), output);
        editor.ReadLine("");
        Assert.That(editor.ReadLine(""), Is.EqualTo("onx"));
        Assert.That(output.Text, Is.EqualTo("one\nab\b \b\b \bone\b \bx\n"));
    }

    [TestCase("he\x01lp\r", "0x01")]
    [TestCase("help\x04\r", "0x04")]
    [TestCase("help\0\r", "0x00")]
    [TestCase("blk 0 fill 0 1 5\xC3\xA9\r", "0xc3")]
    [TestCase("exit\x1Bx\r", "0x1b")]
    [TestCase("exit\x1B\r", "0x1b")]
    [TestCase("blk 0 fill 0 1\x1B[1\r", "0x1b", TestName = "a cut-off escape sequence does not swallow the line's end")]
    [TestCase("exit\x1BO\r", "0x1b")]
    public void ReadLine_refuses_a_line_with_characters_that_no_command_uses(string keys, string which)
    {
        var editor = new LineEditor(new ScriptedInput(keys + "next\r"), new RecordingOutput());
        Assert.That(editor.ReadLine(""), Is.Empty);
        Assert.That(editor.Refusal, Does.Contain(which).And.Contain("not run"));
        Assert.That(editor.ReadLine(""), Is.EqualTo("next"));
        Assert.That(editor.Refusal, Is.Null);
    }

    [Test]
    public void ReadLine_shows_characters_that_no_command_uses()
    {
        var output = new RecordingOutput();
        new LineEditor(new ScriptedInput("a\x01\x7F\xE4\x1B.\tb\r"), output).ReadLine("");
        Assert.That(output.Text, Is.EqualTo("a^A\b\b  \b\b?^[. b\n"));
    }

    [Test]
    public void ReadLine_takes_long_lines_whole_and_refuses_longer_ones_whole()
    {
        string longest = new('x', LineEditor.MaximumLength);
        var editor = new LineEditor(new ScriptedInput(longest + "\r" + longest + "y\rnext\r"), new RecordingOutput());
        Assert.That(editor.ReadLine(""), Is.EqualTo(longest));
        Assert.That(editor.ReadLine(""), Is.Empty);
        Assert.That(editor.Refusal, Does.Contain("longer than 64 KiB"));
        Assert.That(editor.ReadLine(""), Is.EqualTo("next"));
    }

    [TestCase(0)]
    [TestCase(4)]
    [TestCase(8)]
    public void ReadLine_refuses_a_line_that_lost_bytes(int place)
    {
        var editor = new LineEditor(new ScriptedInput("one\rtwo\rnext\rlast\r", place), new RecordingOutput());
        for (int line = 0; line < 4; line++)
        {
            string text = editor.ReadLine("");
            bool isHit = line == place / 4;
            Assert.That(text.Length == 0, Is.EqualTo(isHit));
            Assert.That(editor.Refusal, isHit ? Does.Contain("lost") : Is.Null);
        }
    }

    [Test]
    public void ReadLine_keeps_refused_lines_out_of_the_history()
    {
        var editor = new LineEditor(new ScriptedInput("good\rb\x01" + "d\r" + Up + "\r"), new RecordingOutput());
        editor.ReadLine("");
        editor.ReadLine("");
        Assert.That(editor.ReadLine(""), Is.EqualTo("good"));
    }

    [Test]
    public void ReadLine_forgets_the_oldest_lines()
    {
        var keys = new StringBuilder();
        for (int line = 0; line < 40; line++)
        {
            keys.Append(line).Append('\r');
        }

        for (int step = 0; step < 50; step++)
        {
            keys.Append(Up);
        }

        var editor = new LineEditor(new ScriptedInput(keys + "\r"), new RecordingOutput());
        for (int line = 0; line < 40; line++)
        {
            editor.ReadLine("");
        }

        Assert.That(editor.ReadLine(""), Is.EqualTo("8"));
    }
}
