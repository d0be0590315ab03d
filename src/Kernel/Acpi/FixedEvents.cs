using System;
using System.Buffers.Binary;
using System.Text;
using VirtioGuest.Commands.Text;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Services;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>
/// Serves the system control interrupt (ACPI 6.5, 4.8.3.1 and 4.8.4.1): the power button, and those general-purpose
/// events that somebody asked for.
/// </summary>
internal sealed class FixedEvents : InterruptHandler
{
    private const ushort ButtonEvent = 1 << 8;
    private const ushort ClearedByWriting = 0x8F31;
    private const ushort AcpiMode = 1 << 0;
    private const ulong ModeTimeout = 1_000_000_000;
    private const int LongestGeneralHalf = 32;

    private readonly FixedHardware _hardware;
    private readonly Hal.Machine _machine;
    private readonly Action _onButton;
    private readonly Action[] _onGeneral = new Action[LongestGeneralHalf * 8];

    private FixedEvents(FixedHardware hardware, Hal.Machine machine, Action onButton)
    {
        _hardware = hardware;
        _machine = machine;
        _onButton = onButton;
    }

    private int GeneralHalf => _hardware.General == 0 ? 0 : Math.Min(_hardware.GeneralLength / 2, LongestGeneralHalf);

    /// <summary>Turns ACPI mode on and everything off but the power button.</summary>
    /// <param name="hardware">The fixed hardware.</param>
    /// <param name="machine">The machine.</param>
    /// <param name="onButton">Called on the interrupt's thread, once for each time that the button was pressed.</param>
    /// <param name="failure">Why there are no events: what the machine lacks.</param>
    /// <returns>The events; null where the machine has none, or none that come.</returns>
    public static FixedEvents? TryStart(
        FixedHardware hardware, Hal.Machine machine, Action onButton, out Failure? failure)
    {
        failure = null;
        var events = new FixedEvents(hardware, machine, onButton);
        if (hardware.IsReduced || hardware.EventA == 0 || hardware.EventLength < 4)
        {
            failure = new Failure("has no event registers");
        }
        else if (!events.TryEnterAcpiMode())
        {
            failure = new Failure("does not turn ACPI mode on");
        }
        else
        {
            events.Clear();
            if (hardware.Line > byte.MaxValue
                || machine.Interrupts.AttachLine((byte)hardware.Line, "power button", events) is null)
            {
                failure = new Failure("has no interrupt line " + hardware.Line.ToString());
            }
        }

        if (failure is not null)
        {
            return null;
        }

        machine.Ports.Write16(events.EnableOf(hardware.EventA), hardware.HasButton ? ButtonEvent : (ushort)0);
        return events;
    }

    /// <summary>Asks for a general-purpose event.</summary>
    /// <param name="number">Which, from 0 on.</param>
    /// <param name="onEvent">Called on the interrupt's thread, after the event was taken.</param>
    /// <returns>False where the machine has no such event.</returns>
    public bool TryWatch(int number, Action onEvent)
    {
        if (number < 0 || number / 8 >= GeneralHalf)
        {
            return false;
        }

        _onGeneral[number] = onEvent;
        var port = (ushort)(_hardware.General + GeneralHalf + (number / 8));
        _machine.Ports.Write8(port, (byte)(_machine.Ports.Read8(port) | (1 << (number % 8))));
        return true;
    }

    /// <inheritdoc/>
    public override bool OnInterrupt()
    {
        ushort status = _machine.Ports.Read16(_hardware.EventA);
        bool isButton = _hardware.HasButton && (status & ButtonEvent) != 0;
        if (isButton)
        {
            _machine.Ports.Write16(_hardware.EventA, ButtonEvent);
            _onButton();
        }

        return TakeGeneral() || isButton;
    }

    private bool TakeGeneral()
    {
        bool hasTaken = false;
        for (int index = 0; index < GeneralHalf; index++)
        {
            var port = (ushort)(_hardware.General + index);
            byte enabled = _machine.Ports.Read8((ushort)(port + GeneralHalf));
            int pending = _machine.Ports.Read8(port) & enabled;
            if (pending == 0)
            {
                continue;
            }

            // Taken before it is served: what comes meanwhile is a new event.
            _machine.Ports.Write8(port, (byte)pending);
            hasTaken = true;
            for (int bit = 0; bit < 8; bit++)
            {
                if ((pending & (1 << bit)) != 0)
                {
                    _onGeneral[(8 * index) + bit]?.Invoke();
                }
            }
        }

        return hasTaken;
    }

    private bool TryEnterAcpiMode()
    {
        ushort port = _hardware.ControlA;
        if (port == 0 || (_machine.Ports.Read16(port) & AcpiMode) != 0)
        {
            return true;
        }

        if (_hardware.SmiCommandPort == 0 || _hardware.EnableValue == 0)
        {
            return false;
        }

        _machine.Ports.Write8(_hardware.SmiCommandPort, _hardware.EnableValue);
        ulong start = _machine.Clock.Nanoseconds;
        while ((_machine.Ports.Read16(port) & AcpiMode) == 0)
        {
            if (_machine.Clock.Nanoseconds - start >= ModeTimeout)
            {
                return false;
            }

            _machine.Clock.Relax();
        }

        return true;
    }

    // What is pending and enabled holds the line, and nobody would take it.
    private void Clear()
    {
        foreach (ushort block in new[] { _hardware.EventA, _hardware.EventB })
        {
            if (block != 0)
            {
                _machine.Ports.Write16(EnableOf(block), 0);
                _machine.Ports.Write16(block, ClearedByWriting);
            }
        }

        for (int index = 0; index < GeneralHalf; index++)
        {
            _machine.Ports.Write8((ushort)(_hardware.General + GeneralHalf + index), 0);
            _machine.Ports.Write8((ushort)(_hardware.General + index), byte.MaxValue);
        }
    }

    private ushort EnableOf(ushort block) => (ushort)(block + (_hardware.EventLength / 2));
}

/// <summary>
/// The registers that events come through, as the Fixed ACPI Description Table tells of them (ACPI 6.5, 5.2.9 and
/// 4.8.3). Ports are 0 where there is none.
/// </summary>
internal sealed class FixedHardware
{
    private const uint ButtonIsDeviceFlag = 1 << 4;
    private const uint HardwareReducedFlag = 1 << 20;
    private const byte PortSpace = 1;

    /// <summary>Reads a table whose length and checksum are right; what lies outside of it reads as 0.</summary>
    public FixedHardware(ReadOnlySpan<byte> table)
    {
        byte revision = Load8(table, 8);
        uint flags = Load32(table, 112);
        Maker = Encoding.ASCII.GetString(table.Slice(10, 6));
        IsReduced = revision >= 5 && (flags & HardwareReducedFlag) != 0;
        if (IsReduced)
        {
            return;
        }

        Line = Load16(table, 46);
        SmiCommandPort = Port(Load32(table, 48));
        EnableValue = Load8(table, 52);
        EventLength = Load8(table, 88);
        EventA = BlockPort(table, 148, 56);
        EventB = BlockPort(table, 160, 60);
        ControlA = BlockPort(table, 172, 64);
        GeneralLength = Load8(table, 92);
        General = BlockPort(table, 220, 80);
        HasButton = (flags & ButtonIsDeviceFlag) == 0;
    }

    /// <summary>Who wrote the table: six characters.</summary>
    public string Maker { get; }

    /// <summary>Whether none of this hardware exists (HW_REDUCED_ACPI).</summary>
    public bool IsReduced { get; }

    /// <summary>The line of the system control interrupt, an ISA line or a global system interrupt.</summary>
    public ushort Line { get; }

    /// <summary>The port that takes <see cref="EnableValue"/>; 0 where ACPI mode is always on.</summary>
    public ushort SmiCommandPort { get; }

    /// <summary>The value that turns ACPI mode on.</summary>
    public byte EnableValue { get; }

    /// <summary>The PM1a event block: status, then enable bits.</summary>
    public ushort EventA { get; }

    /// <summary>The PM1b event block.</summary>
    public ushort EventB { get; }

    /// <summary>The bytes of an event block, half of them status.</summary>
    public byte EventLength { get; }

    /// <summary>The PM1a control register.</summary>
    public ushort ControlA { get; }

    /// <summary>The block of general-purpose events 0 and up: status, then enable bits.</summary>
    public ushort General { get; }

    /// <summary>The bytes of that block, half of them status.</summary>
    public byte GeneralLength { get; }

    /// <summary>Whether the power button is a bit of the event block, and no device of its own.</summary>
    public bool HasButton { get; }

    // The extended block counts where it is filled in (5.2.9), else the old one.
    private static ushort BlockPort(ReadOnlySpan<byte> table, int extended, int old)
    {
        ulong address = table.Length >= extended + 12
            ? BinaryPrimitives.ReadUInt64LittleEndian(table[(extended + 4)..])
            : 0;
        return address != 0
            ? Load8(table, extended) == PortSpace ? Port(address) : (ushort)0
            : Port(Load32(table, old));
    }

    private static ushort Port(ulong address) => address <= ushort.MaxValue ? (ushort)address : (ushort)0;

    private static byte Load8(ReadOnlySpan<byte> table, int offset) => offset < table.Length ? table[offset] : (byte)0;

    private static ushort Load16(ReadOnlySpan<byte> table, int offset) =>
        (ushort)(Load8(table, offset) | (Load8(table, offset + 1) << 8));

    private static uint Load32(ReadOnlySpan<byte> table, int offset) =>
        Load16(table, offset) | ((uint)Load16(table, offset + 2) << 16);
}

/// <summary>Makes the power button of a machine with ACPI shut it down.</summary>
internal static class PowerEvents
{
    /// <summary>Listens to the button, however the machine has it.</summary>
    /// <param name="machine">The machine.</param>
    /// <param name="tables">The firmware's tables.</param>
    /// <param name="output">Where it is said that the button does not work.</param>
    /// <param name="shutdown">What the button does.</param>
    /// <returns>The events of the fixed hardware; null where there is none.</returns>
    public static FixedEvents? Start(
        Hal.Machine machine, FirmwareTables tables, TextOutput output, OrderlyShutdown shutdown)
    {
        if (tables.Fixed is not { } hardware)
        {
            return null;
        }

        void OnButton() => shutdown.Begin("power button");

        FixedEvents? events = null;
        Failure? failure;
        if (hardware.IsReduced)
        {
            GenericEventDevice.TryStart(tables, machine, OnButton, out failure);
        }
        else
        {
            events = FixedEvents.TryStart(hardware, machine, OnButton, out failure);
        }

        if (failure is not null)
        {
            output.WriteLine("the power button does nothing: " + failure.Of("the machine"));
        }

        return events;
    }
}
