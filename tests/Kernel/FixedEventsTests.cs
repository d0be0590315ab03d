using System;
using System.Buffers.Binary;
using NUnit.Framework;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Acpi;
using VirtioGuest.Kernel.Tests.Fakes;

namespace VirtioGuest.Kernel.Tests;

/// <summary>The power button and general-purpose events, on registers as QEMU's pc has them.</summary>
[TestFixture]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
internal sealed class FixedEventsTests
{
    private const ushort Status = 0x600;
    private const ushort Enable = 0x602;
    private const ushort Control = 0x604;
    private const ushort General = 0xAFE0;
    private const ushort GeneralEnable = 0xAFE2;
    private const ushort Smi = 0xB2;

    private readonly PortMachine _machine = new();
    private readonly byte[] _table = CreateTable();
    private int _presses;

    public FixedEventsTests()
    {
        // Status bits are cleared by writing ones; the command turns ACPI mode on.
        _machine.OnWrite = (port, value) =>
        {
            switch (port)
            {
                case Status or Status + 1 or General or General + 1:
                    _machine.Bytes[port] &= (byte)~value;
                    _machine.Bytes[port + 1] &= port == Status ? (byte)~(value >> 8) : byte.MaxValue;
                    return true;
                case Smi:
                    _machine.Bytes[Control] |= (byte)(value == 0xF1 ? 1 : 0);
                    return true;
                default:
                    return false;
            }
        };
    }

    [Test]
    public void Button_is_taken_and_told_once_for_each_press()
    {
        _machine.Bytes[Enable] = 0x21;
        _machine.Bytes[Status + 1] = 1;
        _machine.Bytes[GeneralEnable] = 0xFF;

        Assert.That(Start(out Failure? failure), Is.Not.Null);
        Assert.That(failure, Is.Null);
        Assert.That(_machine.Line, Is.EqualTo(9));
        Assert.That(_machine.Bytes[Control] & 1, Is.EqualTo(1), "ACPI mode");
        Assert.That(BitConverter.ToUInt16(_machine.Bytes, Enable), Is.EqualTo(0x100), "nothing but the button");
        Assert.That(_machine.Bytes[GeneralEnable], Is.Zero);
        Assert.That(_machine.Handler!.OnInterrupt(), Is.False, "what was pressed before the start is nobody's");

        _machine.Bytes[Status + 1] = 1;
        Assert.That(_machine.Handler.OnInterrupt(), Is.True);
        Assert.That(_machine.Handler.OnInterrupt(), Is.False);
        Assert.That(_presses, Is.EqualTo(1));
    }

    [Test]
    public void General_events_are_enabled_and_told_one_by_one()
    {
        int events = 0;
        FixedEvents started = Start(out _)!;
        Assert.That(started.TryWatch(1, () => events++), Is.True);
        Assert.That(started.TryWatch(99, () => events++), Is.False);
        Assert.That(_machine.Bytes[GeneralEnable], Is.EqualTo(2));

        _machine.Bytes[General] = 7;
        Assert.That(_machine.Handler!.OnInterrupt(), Is.True);
        Assert.That((events, _machine.Bytes[General]), Is.EqualTo((1, 5)), "others stay as they are");
        Assert.That(_machine.Handler.OnInterrupt(), Is.False);
        Assert.That(_presses, Is.Zero);
    }

    [Test]
    public void Machine_without_a_way_to_ACPI_mode_or_without_the_line_is_named()
    {
        _machine.OnWrite = null;
        Assert.That(Start(out Failure? failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("does not turn ACPI mode on"));

        _machine.Bytes[Control] = 1;
        _machine.HasLines = false;
        Assert.That(Start(out failure), Is.Null);
        Assert.That(failure?.ToString(), Is.EqualTo("has no interrupt line 9"));
    }

    [Test]
    public void Table_that_is_cut_short_names_no_hardware()
    {
        for (int length = 36; length < _table.Length; length++)
        {
            Assert.That(() => new FixedHardware(_table.AsSpan(0, length)), Throws.Nothing);
        }

        Assert.That(new FixedHardware(_table.AsSpan(0, 40)).EventA, Is.Zero);
    }

    private static byte[] CreateTable()
    {
        var table = new byte[116];
        table[8] = 1;
        table[46] = 9;
        table[48] = (byte)Smi;
        table[52] = 0xF1;
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(56), Status);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(64), Control);
        BinaryPrimitives.WriteUInt32LittleEndian(table.AsSpan(80), General);
        table[88] = 4;
        table[92] = 4;
        return table;
    }

    private FixedEvents? Start(out Failure? failure) =>
        FixedEvents.TryStart(new FixedHardware(_table), _machine, () => _presses++, out failure);
}
