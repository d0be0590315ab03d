using System;
using VirtioGuest.Hal;

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
    private const ulong ModePatience = 1_000_000_000;
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
    /// <param name="failure">Why there are no events.</param>
    /// <returns>The events; null where the machine has none, or none that come.</returns>
    public static FixedEvents? TryStart(
        FixedHardware hardware, Hal.Machine machine, Action onButton, out string failure)
    {
        failure = "";
        var events = new FixedEvents(hardware, machine, onButton);
        if (hardware.IsReduced || hardware.EventA == 0 || hardware.EventLength < 4)
        {
            failure = "the machine has no event registers";
        }
        else if (!events.TryEnterAcpiMode())
        {
            failure = "ACPI mode does not turn on";
        }
        else
        {
            events.Clear();
            if (hardware.Line > byte.MaxValue
                || machine.Interrupts.AttachLine((byte)hardware.Line, "power button", events) is null)
            {
                failure = "the machine has no interrupt line " + hardware.Line.ToString();
            }
        }

        if (failure.Length != 0)
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
            if (_machine.Clock.Nanoseconds - start >= ModePatience)
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
