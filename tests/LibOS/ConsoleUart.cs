using System.Collections.Generic;
using System.Text;

namespace VirtioGuest.LibOS.Tests;

/// <summary>A 16550 at COM1, as far as a driver can tell.</summary>
internal sealed class ConsoleUart
{
    private readonly byte[] _registers = new byte[8];
    private readonly Queue<byte> _received = new();
    private readonly List<byte> _sent = [];

    public ConsoleUart(ConsolePorts ports, bool hasFifo = true)
    {
        for (ushort offset = 0; offset < 8; offset++)
        {
            ushort register = offset;
            ports.OnRead((ushort)(0x3F8 + offset), () => Read(register, hasFifo));
            ports.OnWrite((ushort)(0x3F8 + offset), value => Write(register, (byte)value));
        }
    }

    /// <summary>Whether the transmitter takes bytes.</summary>
    public bool IsMoving { get; set; } = true;

    /// <summary>How many bytes went out since the transmitter was last seen empty, at most.</summary>
    public int LongestBurst { get; private set; }

    public int StatusReads { get; private set; }

    /// <summary>How many bytes the transmitter takes before it stands still; any number at first.</summary>
    public int Takes { get; set; } = int.MaxValue;

    /// <summary>Whether what was handed over has left for good.</summary>
    public bool IsIdle { get; set; } = true;

    /// <summary>Error bits that the next look at the status gives, and clears.</summary>
    public byte Errors { get; set; }

    /// <summary>Has the FIFOs on from the start, as some firmware leaves them.</summary>
    public void SwitchFifosOn() => _registers[2] = 1;

    public byte FifoControl => _registers[2];

    /// <summary>How many received bytes wait in the port.</summary>
    public int Waiting => _received.Count;

    public byte InterruptEnable => _registers[1];

    public byte LineControl => _registers[3];

    public byte ModemControl => _registers[4];

    public int Divisor { get; private set; }

    public string Sent => Encoding.Latin1.GetString(_sent.ToArray());

    private int Burst { get; set; }

    public void Receive(string text)
    {
        foreach (byte value in Encoding.Latin1.GetBytes(text))
        {
            _received.Enqueue(value);
        }
    }

    private bool IsDivisorLatched => (_registers[3] & 0x80) != 0;

    private uint Read(ushort register, bool hasFifo)
    {
        switch (register)
        {
            case 0:
                return _received.TryDequeue(out byte value) ? value : 0u;
            case 2:
                return hasFifo && (_registers[2] & 1) != 0 ? 0xC1u : 0x01u;
            case 5:
                StatusReads++;
                bool isMoving = IsMoving && Takes > 0;
                Burst = isMoving ? 0 : Burst;
                uint errors = Errors;
                Errors = 0;
                return errors | (_received.Count != 0 ? 1u : 0u) | (isMoving ? 0x20u : 0u)
                    | (isMoving && IsIdle ? 0x40u : 0u);
            default:
                return _registers[register];
        }
    }

    private void Write(ushort register, byte value)
    {
        if (register <= 1 && IsDivisorLatched)
        {
            int shift = register * 8;
            Divisor = (Divisor & ~(0xFF << shift)) | (value << shift);
            return;
        }

        if (register == 0)
        {
            _sent.Add(value);
            Takes--;
            Burst++;
            LongestBurst = Burst > LongestBurst ? Burst : LongestBurst;
        }

        if (register == 2 && ((value ^ _registers[2]) & 1) != 0)
        {
            // Switching the FIFOs on or off clears them (PC16550D, FCR bit 0).
            _received.Clear();
        }

        _registers[register] = value;
    }
}
