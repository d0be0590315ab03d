using System;
using NUnit.Framework;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed class KeyboardTests
{
    [SetUp]
    public void SetUp()
    {
        Keyboard.Reset();
        ConsoleInputTests.ReadAll();
    }

    private static string Type(string codes)
    {
        foreach (byte code in Convert.FromHexString(codes.Replace(" ", "")))
        {
            Keyboard.Take(code);
        }

        return ConsoleInputTests.ReadAll();
    }

    [Test]
    public void Every_printing_key_gives_its_character()
    {
        Assert.That(
            Type("29 02 03 04 05 06 07 08 09 0a 0b 0c 0d 10 11 12 13 14 15 16 17 18 19 1a 1b 2b"),
            Is.EqualTo("`1234567890-=qwertyuiop[]\\"));
        Assert.That(
            Type("1e 1f 20 21 22 23 24 25 26 27 28 2c 2d 2e 2f 30 31 32 33 34 35 39"),
            Is.EqualTo("asdfghjkl;'zxcvbnm,./ "));
    }

    [Test]
    public void Every_printing_key_gives_its_shifted_character()
    {
        Assert.That(
            Type("2a 29 02 03 04 05 06 07 08 09 0a 0b 0c 0d 10 11 12 13 14 15 16 17 18 19 1a 1b 2b"),
            Is.EqualTo("~!@#$%^&*()_+QWERTYUIOP{}|"));
        Assert.That(
            Type("1e 1f 20 21 22 23 24 25 26 27 28 2c 2d 2e 2f 30 31 32 33 34 35 39"),
            Is.EqualTo("ASDFGHJKL:\"ZXCVBNM<>? "));
    }

    [TestCase("1c", "\r", TestName = "Enter")]
    [TestCase("e01c e09c", "\r", TestName = "Keypad enter")]
    [TestCase("0e", "\u007f", TestName = "Backspace")]
    [TestCase("0f", "\t", TestName = "Tab")]
    [TestCase("01", "\u001b", TestName = "Escape")]
    [TestCase("1e 9e 1e", "aa", TestName = "Releases send nothing")]
    [TestCase("2a 1e 9e aa 1e", "Aa", TestName = "Left shift")]
    [TestCase("36 1e b6 1e", "Aa", TestName = "Right shift")]
    [TestCase("2a 36 aa 1e b6 1e", "Aa", TestName = "Both shifts")]
    [TestCase("3a ba 1e 02 2a 1e aa 3a ba 1e", "A1aa", TestName = "Caps lock")]
    [TestCase("3a 3a ba 1e", "A", TestName = "Caps lock held down")]
    [TestCase("1d 2e 9d 2e", "\u0003c", TestName = "Control C")]
    [TestCase("e01d 20 e09d 20", "\u0004d", TestName = "Right control D")]
    [TestCase("1d 39 1a 03", "\0\u001b2", TestName = "Control with space, bracket, digit")]
    [TestCase("e048 e0c8 e050 e04d e04b", "\u001b[A\u001b[B\u001b[C\u001b[D", TestName = "Arrows")]
    [TestCase("e02a e048 e0c8 e0aa 1e", "\u001b[Aa", TestName = "Made-up shift")]
    [TestCase("e047 e04f", "\u001b[H\u001b[F", TestName = "Home and end")]
    [TestCase("e049 e051 e052 e053", "\u001b[5~\u001b[6~\u001b[2~\u001b[3~", TestName = "Page keys, insert, delete")]
    [TestCase("47 48 49 4a 4b 4c 4d 4e 4f 50 51 52 53 37 e035", "789-456+1230.*/", TestName = "Keypad")]
    [TestCase("45 c5 48 4c 4e 4a 53", "\u001b[A+-\u001b[3~", TestName = "Keypad without num lock")]
    [TestCase("2a 48 4c aa 48", "\u001b[A8", TestName = "Keypad with shift")]
    [TestCase("45 c5 2a 48", "8", TestName = "Keypad without num lock with shift")]
    [TestCase("e11d45 e19dc5 1e 48", "a8", TestName = "Pause")]
    [TestCase("e02a e037 e0b7 e0aa 1e", "a", TestName = "Print screen")]
    [TestCase("3b 44 57 58 e05b e038 38 b8 54 7f 00 fa 1e", "a", TestName = "Other keys send nothing")]
    public void A_sequence_gives_what_a_terminal_sends(string codes, string expected) =>
        Assert.That(Type(codes), Is.EqualTo(expected));

    [Test]
    public void Any_code_in_any_state_is_taken()
    {
        var random = new Random(4711);
        for (int index = 0; index < 200_000; index++)
        {
            Keyboard.Take((byte)random.Next(256));
            if (index % 100 == 0)
            {
                Assert.That(ConsoleInputTests.ReadAll(), Has.Length.LessThanOrEqualTo(400));
            }
        }
    }
}
