using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Terminal;

/// <summary>
/// A serial port of a PC, a 16550 (National Semiconductor PC16550D), at 115200 baud 8N1. It is polled and does not
/// interrupt.
/// </summary>
/// <remarks>
/// When the other end stops taking bytes, the first byte is dropped after a time-out and all others at once, until the
/// transmitter is ready again. So a stuck line never stops the machine.
/// </remarks>
internal sealed class SerialPort
{
    /// <summary>The base of a PC's first serial port.</summary>
    internal const ushort First = 0x3F8;

    private const ushort InterruptEnable = 1;
    private const ushort FifoControl = 2;
    private const ushort InterruptIdentification = 2;
    private const ushort LineControl = 3;
    private const ushort ModemControl = 4;
    private const ushort LineStatus = 5;
    private const ushort Scratch = 7;

    private const byte DivisorLatch = 0x80;
    private const byte EightBitsNoParity = 0x03;
    private const byte FifosOn = 0x01;
    private const byte FifosEnabled = 0xC0;
    private const byte TerminalAndRequestReady = 0x03;
    private const byte DataReady = 0x01;
    private const byte TransmitterEmpty = 0x20;

    /// <summary>How often the transmitter is polled before a byte is dropped: a second on a fast machine.</summary>
    internal const uint MaximumPolls = 1_000_000;

    private readonly PortSpace _ports;
    private readonly ushort _base;
    private bool _isStuck;

    /// <summary>
    /// Sets the port up if there is one. What was typed before is kept: turning the FIFOs on would clear it (PC16550D,
    /// FCR bit 0), so they stay off where a byte waits.
    /// </summary>
    /// <param name="ports">The I/O ports.</param>
    /// <param name="first">The first of the port's eight registers.</param>
    internal SerialPort(PortSpace ports, ushort first)
    {
        _ports = ports;
        _base = first;
        IsPresent = HoldsScratch(0x5A) && HoldsScratch(0xA5);
        if (!IsPresent)
        {
            return;
        }

        Write(InterruptEnable, 0);
        Write(LineControl, DivisorLatch | EightBitsNoParity);
        Write(0, 1);
        Write(InterruptEnable, 0);
        Write(LineControl, EightBitsNoParity);
        if ((Read(InterruptIdentification) & FifosEnabled) == FifosEnabled || (Read(LineStatus) & DataReady) == 0)
        {
            Write(FifoControl, FifosOn);
        }

        Write(ModemControl, TerminalAndRequestReady);
    }

    /// <summary>Whether there is a port. Where there is none, nothing is sent or received.</summary>
    internal bool IsPresent { get; }

    internal void Send(byte value)
    {
        if (IsPresent && WaitForRoom())
        {
            Write(0, value);
        }
    }

    /// <returns>False where no byte waits.</returns>
    internal bool TryReceive(out byte value)
    {
        value = 0;
        if (!IsPresent || (Read(LineStatus) & DataReady) == 0)
        {
            return false;
        }

        value = Read(0);
        return true;
    }

    private bool WaitForRoom()
    {
        uint polls = _isStuck ? 1 : MaximumPolls;
        while (polls != 0)
        {
            if ((Read(LineStatus) & TransmitterEmpty) != 0)
            {
                _isStuck = false;
                return true;
            }

            polls--;
        }

        _isStuck = true;
        return false;
    }

    // The write in between changes what an empty bus would echo.
    private bool HoldsScratch(byte value)
    {
        Write(Scratch, value);
        Write(LineControl, EightBitsNoParity);
        return Read(Scratch) == value;
    }

    private byte Read(ushort register) => _ports.Read8((ushort)(_base + register));

    private void Write(ushort register, byte value) => _ports.Write8((ushort)(_base + register), value);
}
