using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Tests;

[TestFixture]
public sealed class KeyboardControllerTests
{
    private ConsolePorts _ports = null!;

    [SetUp]
    public void SetUp()
    {
        _ports = new ConsolePorts();
        ConsoleInputTests.ReadAll();
        Keyboard.Reset();
    }

    [TearDown]
    public void TearDown() => _ports.Dispose();

    /// <summary>An 8042 with a keyboard.</summary>
    private sealed class Controller
    {
        private bool _takesConfiguration;

        public Controller(ConsolePorts ports)
        {
            ports.OnRead(0x64, () => StatusBits | (Output.Count != 0 ? 1u : 0u));
            ports.OnRead(0x60, () => Output.TryDequeue(out byte value) ? value : 0u);
            ports.OnWrite(0x64, value => Take((byte)value));
            ports.OnWrite(0x60, value => TakeData((byte)value));
        }

        public Queue<byte> Output { get; } = new();

        public uint StatusBits { get; set; } = 0x18;

        public byte Configuration { get; set; } = 0x77;

        public byte? SelfTestResult { get; set; } = 0x55;

        public bool IsFirstPortOn { get; private set; }

        private void Take(byte command)
        {
            switch (command)
            {
                case 0x20:
                    Output.Enqueue(Configuration);
                    break;
                case 0x60:
                    _takesConfiguration = true;
                    break;
                case 0xAA when SelfTestResult is byte result:
                    Output.Enqueue(result);
                    break;
                case 0xAD:
                    IsFirstPortOn = false;
                    break;
                case 0xAE:
                    IsFirstPortOn = true;
                    break;
                default:
                    break;
            }
        }

        private void TakeData(byte value)
        {
            if (_takesConfiguration)
            {
                Configuration = value;
                _takesConfiguration = false;
                return;
            }

            Output.Enqueue(0xFA);
        }
    }

    [Test]
    public void The_controller_is_set_up_for_interrupts_and_translation()
    {
        var controller = new Controller(_ports);
        controller.Output.Enqueue(0x1C);
        Assert.That(KeyboardController.Initialize(), Is.True);
        Assert.That(controller.Configuration, Is.EqualTo(0x65));
        Assert.That(controller.IsFirstPortOn, Is.True);
        Assert.That(controller.Output, Is.Empty, "the acknowledgement is taken");
        Assert.That(KeyboardController.IsPresent, Is.True);
    }

    [Test]
    public void A_controller_without_a_self_test_is_set_up_at_once()
    {
        var controller = new Controller(_ports) { SelfTestResult = null };
        Assert.That(KeyboardController.Initialize(), Is.True);
        Assert.That(controller.IsFirstPortOn, Is.True);
        Assert.That(_ports.Reads, Is.LessThan(100), "each read is an exit to the monitor");
    }

    [Test]
    public void Without_a_controller_the_search_is_short([Values(0, 1, 2)] int noDevice)
    {
        using var ports = new ConsolePorts((ConsolePorts.NoDevice)noDevice);
        Assert.That(KeyboardController.Initialize(), Is.False);
        Assert.That(ports.Reads, Is.LessThan(25_000));
        Assert.That(ConsoleInput.OnKeyboardInterrupt(), Is.False);
    }

    [Test]
    public void A_controller_that_never_takes_a_command_is_given_up()
    {
        var controller = new Controller(_ports) { StatusBits = 0x02 };
        Assert.That(KeyboardController.Initialize(), Is.False);
        Assert.That(_ports.Reads, Is.LessThan(25_000));
        Assert.That(controller.Configuration, Is.EqualTo(0x77));
    }

    [Test]
    public void A_controller_that_never_runs_dry_is_given_up()
    {
        _ports.OnRead(0x64, () => 0x01);
        Assert.That(KeyboardController.Initialize(), Is.False);
        Assert.That(_ports.Reads, Is.LessThan(100));
    }

    [Test]
    public void Keys_arrive_and_the_mouse_does_not()
    {
        var controller = new Controller(_ports);
        KeyboardController.Initialize();
        controller.Output.Enqueue(0x2A);
        Assert.That(ConsoleInput.OnKeyboardInterrupt(), Is.False, "shift alone brings nothing");
        foreach (byte code in new byte[] { 0x23, 0xA3, 0xAA, 0x17 })
        {
            controller.Output.Enqueue(code);
        }

        Assert.That(ConsoleInput.OnKeyboardInterrupt(), Is.True);
        Assert.That(ConsoleInputTests.ReadAll(), Is.EqualTo("Hi"));

        controller.StatusBits = 0x20;
        controller.Output.Enqueue(0x1E);
        Assert.That(ConsoleInput.OnKeyboardInterrupt(), Is.False);
        Assert.That(controller.Output, Is.Empty);
    }

    [Test]
    public void A_controller_that_always_has_data_does_not_hold_the_interrupt()
    {
        var controller = new Controller(_ports);
        KeyboardController.Initialize();
        _ports.OnRead(0x64, () => 1).OnRead(0x60, () => 0x1E);
        Assert.That(ConsoleInput.OnKeyboardInterrupt(), Is.True);
        Assert.That(ConsoleInputTests.ReadAll().All(character => character == 'a'), Is.True);
        Assert.That(controller.Output, Is.Empty);
    }
}
