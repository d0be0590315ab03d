using System;
using System.Collections.Generic;
using System.Text;
using NUnit.Framework;
using VirtioGuest.Commands.Text;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Cosmos.Kernel.Terminal;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>Text on the serial line and on the screen, and what is typed at both.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class TerminalTests
{
    private readonly SerialLine _line = new();
    private readonly RecordedScreen _screen = new();
    private readonly PressedKeys _keys = new();
    private readonly RecordedSwitches _switches = new();

    private TerminalOutput Output => new(new SerialPort(_line, SerialPort.First), _screen, FakeHeap.Ample);

    private TerminalInput Input => new(new SerialPort(_line, SerialPort.First), _keys, _switches, FakeHeap.Ample);

    [Test]
    public void A_line_goes_to_both_and_ends_with_CR_LF_on_the_serial_line()
    {
        Output.WriteLine("one");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_line.Sent, Is.EqualTo("one\r\n"));
            Assert.That(_screen.Text.ToString(), Is.EqualTo("one\n"));
        }
    }

    [Test]
    public void Backspace_is_a_byte_on_the_serial_line_and_a_move_on_the_screen()
    {
        Output.Write("ab\b \bc\b");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_line.Sent, Is.EqualTo("ab\b \bc\b"));
            Assert.That(_screen.Text.ToString(), Is.EqualTo("ab< <c<"));
        }
    }

    [Test]
    public void Empty_text_shows_nothing()
    {
        Output.Write("");

        Assert.That(_screen.Writes, Is.Zero);
    }

    [Test]
    public void Lines_are_edited_alike_from_the_serial_line_and_from_the_keyboard()
    {
        foreach (byte typed in "heko\x7F\x7Flp\r"u8)
        {
            _line.Received.Enqueue(typed);
        }

        TerminalInput input = Input;
        var editor = new LineEditor(input, Output);
        string first = editor.ReadLine("> ");
        Press("disx");
        _keys.Pressed.Enqueue((Key.Backspace, '\b'));
        _keys.Pressed.Enqueue((Key.None, '\0'));
        Press("ks");
        _keys.Pressed.Enqueue((Key.Enter, '\n'));
        string second = editor.ReadLine("> ");
        _keys.Pressed.Enqueue((Key.Up, '\0'));
        _keys.Pressed.Enqueue((Key.Up, '\0'));
        _keys.Pressed.Enqueue((Key.Down, '\0'));
        _keys.Pressed.Enqueue((Key.Enter, '\n'));
        string third = editor.ReadLine("> ");

        Assert.That(new[] { first, second, third }, Is.EqualTo(new[] { "help", "disks", "disks" }));
    }

    [Test]
    public void Characters_that_no_terminal_sends_are_ignored()
    {
        _keys.Pressed.Enqueue((Key.Character, 'é'));
        _keys.Pressed.Enqueue((Key.Character, 'e'));

        Assert.That(Input.Read(), Is.EqualTo((byte)'e'));
    }

    [Test]
    public void The_processor_rests_only_after_a_while_without_a_key()
    {
        TerminalInput input = Input;
        int looksAtFirst = _line.EmptyLooks;
        int looksBefore = 0;
        _switches.WhileResting = () =>
        {
            looksBefore = _line.EmptyLooks - looksAtFirst;
            _line.Received.Enqueue((byte)'x');
        };

        byte value = input.Read();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(value, Is.EqualTo((byte)'x'));
            Assert.That(looksBefore, Is.EqualTo(TerminalInput.PollsBeforeRest));
            Assert.That(_switches.Rests, Is.EqualTo(1));
        }
    }

    private void Press(string text)
    {
        foreach (char character in text)
        {
            _keys.Pressed.Enqueue((Key.Character, character));
        }
    }

    private sealed class RecordedScreen : Screen
    {
        public StringBuilder Text { get; } = new();

        public int Writes { get; private set; }

        public override void Write(ReadOnlySpan<byte> ascii)
        {
            Writes++;
            Text.Append(Encoding.Latin1.GetString(ascii));
        }

        public override void MoveBack() => Text.Append('<');
    }

    private sealed class PressedKeys : Keyboard
    {
        public Queue<(Key Key, char Character)> Pressed { get; } = [];

        public override bool TryTake(out Key key, out char character)
        {
            bool isThere = Pressed.TryDequeue(out (Key Key, char Character) pressed);
            (key, character) = pressed;
            return isThere;
        }
    }
}
