using System;
using System.Collections.Generic;

namespace VirtioGuest.Drivers.Virtio.Tests.Transport.Registers;

/// <summary>The device status field (virtio 1.4, 2.1), with a device that may take its time or never answer.</summary>
internal sealed class StatusRegister
{
    private const byte DriverOk = 4;
    private const byte FeaturesOk = 8;
    private const byte SuspendBit = 16;

    private int _looks;
    private byte _next;

    public byte Value { get; private set; }

    /// <summary>Whether FEATURES_OK is refused.</summary>
    public bool RefusesFeatures { get; set; }

    /// <summary>How many looks a reset, a suspension or a resumption takes; -1 for ever.</summary>
    public int LooksPerChange { get; set; }

    /// <summary>Whether a suspension or a resumption fails with DEVICE_NEEDS_RESET.</summary>
    public bool FailsToChange { get; set; }

    /// <summary>What a reset does besides.</summary>
    public Action? OnReset { get; set; }

    public byte Read()
    {
        if (_looks == 0)
        {
            Value = _next;
        }
        else if (_looks > 0)
        {
            _looks--;
        }

        return Value;
    }

    public void Write(byte value, List<string> violations)
    {
        byte before = Read();
        if (value == 0)
        {
            OnReset?.Invoke();
            Begin(before == 0 ? (byte)0x80 : before, 0);
            return;
        }

        if ((before & ~value) != 0)
        {
            violations.Add($"status {value:x} clears bits of {before:x}");
        }

        if ((before & DriverOk) != 0 && (value & ~before & SuspendBit) != 0)
        {
            Begin(value, FailsToChange ? (byte)(value | 64) : (byte)(value & ~DriverOk));
        }
        else if ((before & SuspendBit) != 0 && (value & ~before & DriverOk) != 0)
        {
            Begin(value, FailsToChange ? (byte)(value | 64) : (byte)(value & ~SuspendBit));
        }
        else
        {
            Value = _next = RefusesFeatures ? (byte)(value & ~FeaturesOk) : value;
            _looks = 0;
        }
    }

    private void Begin(byte meanwhile, byte next)
    {
        Value = meanwhile;
        _next = next;
        _looks = LooksPerChange;
    }
}
