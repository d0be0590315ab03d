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
    [TestCase("he\x01\xE4lp\r", "help", TestName = "what is not ASCII is ignored")]
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

    [Test]
    public void ReadLine_stops_taking_characters_when_the_line_is_full()
    {
        var editor = new LineEditor(new ScriptedInput(new string('x', 2000) + "\r"), new RecordingOutput());
        Assert.That(editor.ReadLine(""), Is.EqualTo(new string('x', 512)));
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
