using System;
using System.IO;
using NUnit.Framework;
using VirtioGuest.Commands;
using VirtioGuest.Cosmos.Kernel.Commands;
using VirtioGuest.Cosmos.Kernel.Machine;
using VirtioGuest.Cosmos.Tests.Simulation;

namespace VirtioGuest.Cosmos.Tests.Kernel;

/// <summary>How the machine ends, pauses and reports exceptions.</summary>
public sealed class KernelSystemTests
{
    private const ushort ExitPort = 0xF4;

    [TestCase(false, 0x10)]
    [TestCase(true, 0x11)]
    public void Exit_tells_QEMU_and_then_switches_off_or_else_resets(bool hasFailed, int value)
    {
        using Pc pc = new();
        pc.Boot();
        var ports = new SerialLine();
        var switches = new RecordedSwitches();

        new KernelSystem(ports, pc.Machine.Clock, switches, FakeHeap.Ample).Exit(hasFailed);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(ports.Writes, Is.EqualTo(new[] { (ExitPort, (byte)value) }));
            Assert.That(switches.Pulled, Is.EqualTo(new[] { "off", "reset" }));
        }
    }

    [Test]
    public void A_crash_writes_only_the_failing_value()
    {
        var ports = new SerialLine();

        KernelSystem.DebugExitFailed(ports);

        Assert.That(ports.Writes, Is.EqualTo(new[] { (ExitPort, (byte)0x11) }));
    }

    [Test]
    public void A_pause_takes_its_time_and_devices_work_meanwhile()
    {
        using Pc pc = new();
        pc.Boot();
        int turns = 0;
        pc.Platform.WhileWaiting = () => turns++;
        ulong before = pc.Machine.Clock.Nanoseconds;

        new KernelSystem(pc.Platform.Ports, pc.Machine.Clock, new RecordedSwitches(), FakeHeap.Ample).Pause(20);

        using (Assert.EnterMultipleScope())
        {
            Assert.That(pc.Machine.Clock.Nanoseconds - before, Is.InRange(20_000_000, 21_000_000));
            Assert.That(turns, Is.GreaterThan(100));
        }
    }

    [Test]
    public void An_exception_is_reported_with_its_type_and_message()
    {
        Exception[] exceptions =
        [
            new FileNotFoundException("a"), new ArgumentNullException("b", "c"), new InvalidOperationException("d"),
            new NotSupportedException("e"), new NotImplementedException("f"), new TimeoutException("g"),
            new TimeoutException(""),
        ];

        Assert.That(Array.ConvertAll(exceptions, ExceptionText.Of), Is.EqualTo(new[]
        {
            "System.IO.IOException: a", "System.ArgumentException: c (Parameter 'b')",
            "System.InvalidOperationException: d", "System.NotSupportedException: e",
            "System.NotImplementedException: f", "System.Exception: g", "System.Exception",
        }));
    }

    [Test]
    public void Crash_throws_only_when_asked_to()
    {
        var command = new CrashCommand();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(() => command.Run(null!, ["exception"]), Throws.TypeOf<InvalidOperationException>()
                .With.Message.EqualTo("asked for by the crash command"));
            Assert.That(command.Run(null!, []).Outcome, Is.EqualTo(CommandOutcome.WrongArguments));
            Assert.That(command.Run(null!, ["trap"]).Outcome, Is.EqualTo(CommandOutcome.WrongArguments));
        }
    }
}
