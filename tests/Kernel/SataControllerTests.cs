using System;
using System.Collections.Generic;
using NUnit.Framework;
using VirtioGuest.Commands.Tests.Fakes;
using VirtioGuest.Devices;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Simulation;

namespace VirtioGuest.Kernel.Tests;

/// <summary>What becomes of a SATA controller whose ports firmware left running.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class SataControllerTests
{
    private const ulong Window = 0xE0000000;
    private const uint Place = 0xFEB10000;
    private const ushort DecodesAndMasters = 6;
    private const ushort Decodes = 2;
    private const ushort InterruptDisable = 0x400;

    private readonly RecordingOutput _output = new();
    private readonly Ports _ports = new();
    private readonly Function _function = new(DecodesAndMasters);

    [Test]
    public void Running_ports_are_stopped_before_the_controller_is_cut_off()
    {
        _ports.Owner = _function;
        Bind();
        Assert.That(_ports.Writes, Is.EqualTo(new[] { "port 0 = 10", "port 0 = 0", "port 5 = 10", "port 5 = 0" }));
        Assert.That(_ports.Violations, Is.Empty);
        Assert.That(_function.Command, Is.EqualTo(Decodes | InterruptDisable));
        Assert.That(_output.Lines, Has.None.Contains("SATA"));
    }

    [Test]
    public void A_port_that_does_not_stop_is_named_and_the_controller_is_cut_off()
    {
        _ports.IsStuck = true;
        Bind();
        Assert.That(_output.Lines, Has.One.EqualTo(
            "00:03.0: a SATA port that firmware left running does not stop: cut off"));
        Assert.That(_function.Command, Is.EqualTo(Decodes | InterruptDisable));
    }

    [TestCase(0)]
    [TestCase(2)]
    [TestCase(4)]
    public void A_controller_that_reaches_nothing_is_left_as_it_is(int command)
    {
        _function.Command = (ushort)command;
        Bind();
        Assert.That(_ports.Writes, Is.Empty);
        Assert.That(_function.Command, Is.EqualTo((command & Decodes) | InterruptDisable));
    }

    [Test]
    public void A_controller_in_its_old_mode_has_no_ports_to_stop()
    {
        _ports.HostControl = 0;
        Bind();
        Assert.That(_ports.Writes, Is.Empty);
    }

    private void Bind()
    {
        using var machine = new SimulatedMachine();
        machine.AddRegisters(Window, _function);
        machine.AddRegisters(Place, _ports);
        new DeviceBinder(machine, _output).Bind(new FirmwareDescription
        {
            MemoryMap = [],
            ConfigurationWindows = [new ConfigurationWindow { BaseAddress = Window, LastBus = 255 }],
            CommandLine = "",
        });
    }

    /// <summary>Configuration space with the controller at 00:03.0.</summary>
    private sealed class Function(ushort command) : RegisterWindow(0x10000000)
    {
        public const uint RegistersLength = 0x1000;

        private const uint CommandOffset = 4;
        private const uint Registers = 0x24;

        private uint _base = Place;

        public ushort Command { get; set; } = command;

        protected override uint Read(uint offset, int width)
        {
            uint place = offset & 0xFFF;
            if (offset >> 12 != 3 << 3)
            {
                return uint.MaxValue;
            }

            // Vendor and device, and the class: all else of the header reads as zero.
            uint word = (place & ~3u) switch
            {
                0 => 0x29228086,
                8 => 0x01060102,
                CommandOffset => Command,
                Registers => _base,
                _ => 0,
            };
            return (uint)((word >> (int)(8 * (place & 3))) & ((1UL << (8 * width)) - 1));
        }

        protected override void Write(uint offset, int width, uint value)
        {
            uint place = offset & 0xFFF;
            if (place == CommandOffset)
            {
                Command = (ushort)value;
            }
            else if (place == Registers)
            {
                _base = value & ~(RegistersLength - 1);
            }
        }
    }

    /// <summary>Ports 0 and 5 run.</summary>
    private sealed class Ports() : RegisterWindow(Function.RegistersLength)
    {
        private const uint Running = 0xC011;

        private readonly Dictionary<uint, uint> _commands = new() { [0] = Running, [5] = Running };

        public uint HostControl { get; set; } = 0x80000000;

        public bool IsStuck { get; set; }

        public Function? Owner { get; set; }

        /// <summary>Every write, by the port's number.</summary>
        public List<string> Writes { get; } = [];

        public List<string> Violations { get; } = [];

        protected override uint Read(uint offset, int width) => offset switch
        {
            0x04 => HostControl,
            0x0C => 0x21,
            >= 0x100 when (offset & 0x7F) == 0x18 => _commands[(offset - 0x100) / 0x80],
            _ => throw new InvalidOperationException($"register 0x{offset:x} is none of a port that is there"),
        };

        protected override void Write(uint offset, int width, uint value)
        {
            uint port = (offset - 0x100) / 0x80;
            Writes.Add($"port {port} = {value & 0x3FFF:x}");
            if (Owner is { Command: not DecodesAndMasters })
            {
                Violations.Add("the port is cut off while it runs");
            }

            uint running = IsStuck ? Running & 0xC000 : ((value & 1) << 15) | ((value & 0x10) << 10);
            _commands[port] = (value & 0x3FFF) | running;
        }
    }
}
