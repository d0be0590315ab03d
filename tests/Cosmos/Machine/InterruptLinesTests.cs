using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Cosmos.Tests.Simulation;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Machine;

/// <summary>Several devices on one line, foreign lines, and lines that leave the processor no time.</summary>
public sealed class InterruptLinesTests
{
    private ModelPlatform _platform = null!;
    private CosmosMachine _machine = null!;

    [SetUp]
    public void Start()
    {
        _platform = new ModelPlatform();
        _machine = new CosmosMachine(_platform);
    }

    [TearDown]
    public void End() => _platform.Dispose();

    [Test]
    public void Every_handler_of_a_line_is_called_and_counts()
    {
        var devices = new[] { new Device(this), new Device(this), new Device(this) };
        LineInterrupt[] shares = Array.ConvertAll(devices, device => device.Attach(10));

        devices[1].Ask();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(Array.ConvertAll(devices, device => device.Calls), Is.EqualTo(new[] { 1, 1, 1 }));
            Assert.That(Array.ConvertAll(shares, share => share.Count), Is.EqualTo(new ulong[] { 1, 1, 1 }));
            Assert.That(_platform.Taken, Is.EqualTo(1));
        }
    }

    [Test]
    public void A_device_that_raises_the_line_while_another_is_served_is_served_too()
    {
        var first = new Device(this);
        var second = new Device(this);
        first.Attach(10);
        second.Attach(10);
        second.OnServed = () =>
        {
            second.OnServed = () => { };
            first.Ask();
        };

        second.Ask();

        Assert.That((first.Answered, second.Answered, _platform.IsRaised(10)), Is.EqualTo((1, 1, false)));
    }

    [Test]
    public void A_released_handler_is_not_called_again_even_in_the_same_interrupt()
    {
        var first = new Device(this);
        var second = new Device(this);
        first.Attach(10);
        LineInterrupt share = second.Attach(10);
        first.OnServed = share.Release;

        first.Ask();
        first.Ask();

        Assert.That((first.Calls, second.Calls), Is.EqualTo((2, 0)));
    }

    [Test]
    public void A_line_is_connected_and_unmasked_by_its_first_handler_only()
    {
        Assert.That((_platform.IsConnected(11), _platform.IsMasked(11)), Is.EqualTo((false, true)));

        new Device(this).Attach(11);

        using (Assert.EnterMultipleScope())
        {
            Assert.That((_platform.IsConnected(11), _platform.IsMasked(11)), Is.EqualTo((true, false)));
            Assert.That(_machine.Lines.IsPolled(11), Is.False);
        }
    }

    [TestCase(0)]
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(8)]
    [TestCase(12)]
    [TestCase(13)]
    [TestCase(14)]
    [TestCase(15)]
    [TestCase(16)]
    [TestCase(255)]
    public void A_line_that_no_function_can_have_is_polled(int line)
    {
        var device = new Device(this);
        LineInterrupt share = device.Attach((byte)line);

        _machine.Lines.Poll();
        share.Release();
        _machine.Lines.Poll();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(_platform.IsConnected((byte)line), Is.False);
            Assert.That(_platform.IsMasked((byte)line), Is.True);
            Assert.That(share.Line, Is.EqualTo(line));
            Assert.That(device.Calls, Is.EqualTo(1));
        }
    }

    [Test]
    public void A_line_that_interrupts_is_not_polled()
    {
        var device = new Device(this);
        device.Attach(11);

        _machine.Lines.Poll();

        Assert.That(device.Calls, Is.Zero);
    }

    [Test]
    public void A_line_that_nobody_lowers_is_masked_reported_once_and_polled_from_then_on()
    {
        var device = new Device(this);
        device.Attach(9);

        _platform.SetLine(9, true);
        int untilMasked = device.Calls;
        _machine.Lines.Poll();
        _machine.Lines.Poll();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(untilMasked, Is.InRange(200, 400));
            Assert.That((_platform.IsMasked(9), _machine.Lines.IsPolled(9)), Is.EqualTo((true, true)));
            Assert.That(device.Calls, Is.EqualTo(untilMasked + 2));
            Assert.That(_platform.Lines, Is.EqualTo(new[]
            {
                "warning: interrupt line 9 is raised by no device of ours: masked, its devices are polled",
            }));
        }
    }

    [Test]
    public void A_line_that_nobody_lowers_is_masked_without_a_clock_too()
    {
        _platform.ModelPorts.HasTimer = false;
        _machine = new CosmosMachine(_platform);
        var device = new Device(this);
        device.Attach(9);

        _platform.SetLine(9, true);

        Assert.That((_platform.IsMasked(9), _machine.Lines.IsPolled(9)), Is.EqualTo((true, true)));
    }

    [Test]
    public void Unclaimed_interrupts_that_end_by_themselves_do_no_harm()
    {
        var device = new Device(this) { OnServed = () => _platform.SetLine(9, false) };
        device.Attach(9);

        for (int i = 0; i < 3000; i++)
        {
            _platform.Pass(ModelPlatform.TicksPerSecond / 1000);
            _platform.SetLine(9, true);
        }

        Assert.That((_platform.IsMasked(9), device.Calls), Is.EqualTo((false, 3000)));
    }

    [Test]
    public void A_line_that_a_device_raises_without_end_is_masked_until_the_next_poll()
    {
        var device = new Device(this) { AsksFor = int.MaxValue };
        device.Attach(11);

        _platform.SetLine(11, true);
        bool wasMasked = _platform.IsMasked(11);
        int calls = device.Calls;
        _machine.Lines.Poll();

        using (Assert.EnterMultipleScope())
        {
            Assert.That(wasMasked, Is.True);
            Assert.That(calls, Is.InRange(200, 400));
            Assert.That(device.Calls, Is.InRange(calls + 200, calls + 400));
            Assert.That(_platform.Lines, Is.EqualTo(new[]
            {
                "warning: interrupt line 11 leaves the processor no time: "
                    + "masked until the next poll, whenever it does so",
            }));
        }
    }

    [Test]
    public void A_line_that_is_raised_often_but_leaves_time_is_not_masked()
    {
        var device = new Device(this);
        device.Attach(11);

        for (int i = 0; i < 5000; i++)
        {
            _platform.Pass(ModelPlatform.TicksPerSecond / 25_000);
            device.Ask();
        }

        using (Assert.EnterMultipleScope())
        {
            Assert.That(device.Answered, Is.EqualTo(5000));
            Assert.That(_platform.Lines, Is.Empty);
        }
    }

    [Test]
    public void A_poll_that_interrupts_a_handler_leaves_the_line_to_it()
    {
        var device = new Device(this);
        device.Attach(255);
        device.OnServed = () => _machine.Lines.Poll();

        device.AsksFor = 1;
        _machine.Lines.Poll();

        Assert.That(device.Calls, Is.EqualTo(1));
    }

    [Test]
    public void There_are_no_messages()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(_machine.Interrupts.HasMessages, Is.False);
            Assert.That(_machine.Interrupts.AllocateMessage("x", new Device(this)), Is.Null);
        }
    }

    /// <summary>A device on a line, and the driver that makes it lower the line.</summary>
    private sealed class Device(InterruptLinesTests tests) : InterruptHandler
    {
        private byte _line;

        public int Calls { get; private set; }

        public int Answered { get; private set; }

        /// <summary>How many times it wants to be answered.</summary>
        public int AsksFor { get; set; }

        public Action OnServed { get; set; } = () => { };

        public LineInterrupt Attach(byte line)
        {
            _line = line;
            return tests._machine.Interrupts.AttachLine(line, "device", this)!;
        }

        public void Ask()
        {
            AsksFor++;
            tests._platform.SetLine(_line, true);
        }

        public override bool OnInterrupt()
        {
            Calls++;
            bool asked = AsksFor > 0;
            if (asked)
            {
                AsksFor -= AsksFor == int.MaxValue ? 0 : 1;
                Answered++;
                if (AsksFor == 0 && _line < 16 && tests._platform.IsRaised(_line))
                {
                    tests._platform.SetLine(_line, false);
                }
            }

            OnServed();
            return asked;
        }
    }
}
