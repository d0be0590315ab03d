using NUnit.Framework;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Interrupts;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
[NonParallelizable]
internal sealed class InputPollingTests
{
    private const ulong Millisecond = 1_000_000;

    [TearDown]
    public void Stop()
    {
        InputPolling.OnSerialInterrupt();
        InputPolling.OnKeyboardInterrupt();
    }

    [Test]
    public void What_cannot_interrupt_is_looked_at_often_and_for_ever()
    {
        InputPolling.AddSerial(canInterrupt: false, 0);
        for (ulong now = 0; now < 1000 * Millisecond; now = InputPolling.NextLook)
        {
            InputPolling.OnTimer(now);
            Assert.That(InputPolling.NextLook, Is.LessThanOrEqualTo(now + (20 * Millisecond)));
            Assert.That(InputPolling.NextLook, Is.GreaterThan(now));
        }
    }

    [Test]
    public void What_should_interrupt_is_looked_at_until_it_does()
    {
        InputPolling.AddSerial(canInterrupt: true, 0);
        InputPolling.AddKeyboard(canInterrupt: true, 0);
        Assert.That(InputPolling.NextLook, Is.InRange(50 * Millisecond, 500 * Millisecond));
        InputPolling.OnTimer(1000 * Millisecond);
        Assert.That(InputPolling.NextLook, Is.InRange(1050 * Millisecond, 1500 * Millisecond));

        InputPolling.OnSerialInterrupt();
        Assert.That(InputPolling.NextLook, Is.LessThan(Clock.Never), "the keyboard is left");
        InputPolling.OnKeyboardInterrupt();
        Assert.That(InputPolling.NextLook, Is.EqualTo(Clock.Never));
    }

    [Test]
    public void A_byte_that_waits_is_found_without_an_interrupt()
    {
        using ConsolePorts ports = new();
        var uart = new ConsoleUart(ports);
        ConsoleInputTests.ReadAll();
        Assert.That(Uart16550.Initialize(), Is.True);
        InputPolling.AddSerial(canInterrupt: false, 0);
        Assert.That(InputPolling.OnTimer(20 * Millisecond), Is.False);

        uart.Receive("x");

        Assert.That(InputPolling.OnTimer(40 * Millisecond), Is.True);
        Assert.That(ConsoleInputTests.ReadAll(), Is.EqualTo("x"));
    }
}
