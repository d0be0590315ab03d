using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>The first serial port of a PC, a 16550 (National Semiconductor PC16550D), at 115200 baud 8N1.</summary>
/// <remarks>
/// Nothing here waits, except at the start: senders ask whether there is room, and receivers whether there is a byte.
/// What is left in the port holds the other end back: QEMU stops reading its end when the FIFO is full, and over a
/// cable RTS tells.
/// </remarks>
internal static class Uart16550
{
    public const uint InterruptLine = 4;

    private const ushort Port = 0x3F8;
    private const ushort Data = Port + 0;
    private const ushort InterruptEnable = Port + 1;
    private const ushort FifoControl = Port + 2;
    private const ushort InterruptIdentification = Port + 2;
    private const ushort LineControl = Port + 3;
    private const ushort ModemControl = Port + 4;
    private const ushort LineStatus = Port + 5;
    private const ushort Scratch = Port + 7;

    private const byte DivisorLatch = 0x80;
    private const byte EightBitsNoParity = 0x03;
    private const byte EnableFifos = 0x01;
    private const byte EnableAndClearFifos = 0x07;
    private const byte FifosEnabled = 0xC0;
    private const byte TerminalReady = 0x01;
    private const byte RequestToSend = 0x02;
    private const byte InterruptsOut = 0x08;
    private const byte ReceivedInterrupt = 0x01;

    private const byte DataReady = 0x01;
    private const byte Overrun = 0x02;
    private const byte ParityError = 0x04;
    private const byte FramingError = 0x08;
    private const byte Break = 0x10;
    private const byte HoldingEmpty = 0x20;
    private const byte TransmitterIdle = 0x40;
    private const byte NoPort = 0xFF;
    private const byte FifoDepth = 16;

    // A byte at 115200 baud takes 87 us and a full FIFO 1.4 ms; a port read takes about a microsecond.
    private const uint MaximumStartPolls = 100_000;

    private static bool s_isPresent;
    private static bool s_hasBeenReady;
    private static bool s_wantsInterrupts;
    private static bool s_isHeldBack;
    private static bool s_hasOverrun;
    private static byte s_depth;
    private static byte s_room;

    /// <summary>Whether <see cref="Initialize"/> found the port, and nobody has given it up since.</summary>
    public static bool IsPresent => s_isPresent;

    /// <summary>
    /// Whether the transmitter has ever been ready. One that was is waited for; one that never was may be broken.
    /// </summary>
    public static bool HasBeenReady => s_hasBeenReady;

    /// <summary>Whether everything has left the port.</summary>
    public static bool IsIdle => !s_isPresent || (ReadStatus() & TransmitterIdle) != 0;

    /// <summary>Looks for the port and sets it up, with receive interrupts off.</summary>
    /// <returns>Whether there is one.</returns>
    /// <remarks>
    /// What somebody typed before is kept. Switching the FIFOs on would clear it (PC16550D, FCR bit 0), so they stay
    /// off where a byte waits.
    /// </remarks>
    public static bool Initialize()
    {
        s_room = 0;
        s_hasBeenReady = false;
        s_wantsInterrupts = false;
        s_isHeldBack = false;
        s_hasOverrun = false;
        s_isPresent = HoldsScratch(0x5A) && HoldsScratch(0xA5) && Processor.In8(LineStatus) != NoPort;
        if (!s_isPresent)
        {
            return false;
        }

        Processor.Out8(InterruptEnable, 0);

        // The firmware's last words leave at the firmware's speed.
        bool isIdle = WaitUntilIdle();
        Processor.Out8(LineControl, DivisorLatch | EightBitsNoParity);
        Processor.Out8(Data, 1);
        Processor.Out8(InterruptEnable, 0);
        Processor.Out8(LineControl, EightBitsNoParity);
        if (HasFifos())
        {
            Processor.Out8(FifoControl, EnableFifos);
        }
        else if (isIdle && (ReadStatus() & DataReady) == 0)
        {
            Processor.Out8(FifoControl, EnableAndClearFifos);
        }

        s_depth = HasFifos() ? FifoDepth : (byte)1;
        SetRequestToSend(true);
        return true;
    }

    /// <summary>Lets the port interrupt when a byte has come in.</summary>
    public static void EnableReceiveInterrupt()
    {
        s_wantsInterrupts = true;
        SetReceiveInterrupt();
    }

    /// <summary>Lets the port interrupt once more if a byte is left in it: its line is edge-triggered.</summary>
    public static void RenewReceiveInterrupt()
    {
        if (s_isPresent)
        {
            Processor.Out8(InterruptEnable, 0);
            SetReceiveInterrupt();
        }
    }

    /// <summary>Asks the sender to wait, or to go on. While it waits, nothing interrupts.</summary>
    public static void HoldBack(bool isHeldBack)
    {
        if (s_isPresent && s_isHeldBack != isHeldBack)
        {
            s_isHeldBack = isHeldBack;
            SetRequestToSend(!isHeldBack);
            SetReceiveInterrupt();
        }
    }

    /// <summary>Sends a byte as it is, if there is room for it.</summary>
    /// <returns>Whether it was taken; a port that is absent takes everything.</returns>
    public static bool TryWrite(byte value)
    {
        if (!s_isPresent)
        {
            return true;
        }

        if (s_room == 0)
        {
            if ((ReadStatus() & HoldingEmpty) == 0)
            {
                return false;
            }

            s_room = s_depth;
        }

        Processor.Out8(Data, value);
        s_room--;
        return true;
    }

    /// <summary>Takes a received byte.</summary>
    /// <param name="value">The byte; 0 where it came in damaged, or as a break.</param>
    /// <param name="isDamaged">Whether its parity or stop bit was wrong.</param>
    /// <returns>False where none is waiting.</returns>
    public static bool TryRead(out byte value, out bool isDamaged)
    {
        value = 0;
        isDamaged = false;
        byte status = s_isPresent ? ReadStatus() : (byte)0;
        if ((status & DataReady) == 0)
        {
            return false;
        }

        value = Processor.In8(Data);
        isDamaged = (status & (ParityError | FramingError | Break)) != 0;
        value = isDamaged ? (byte)0 : value;
        return true;
    }

    /// <summary>Whether a byte was lost since the last call, because the port was full.</summary>
    public static bool TakeOverrun()
    {
        bool hasOverrun = s_hasOverrun;
        s_hasOverrun = false;
        return hasOverrun;
    }

    /// <summary>Acts as if there were no port from now on.</summary>
    public static void GiveUp() => s_isPresent = false;

    // Reading the status clears its error bits, so they are kept whoever reads it.
    private static byte ReadStatus()
    {
        byte status = Processor.In8(LineStatus);
        s_hasOverrun |= (status & Overrun) != 0;
        s_hasBeenReady |= (status & HoldingEmpty) != 0;
        return status;
    }

    // The write in between changes what a bus without a device would echo.
    private static bool HoldsScratch(byte value)
    {
        Processor.Out8(Scratch, value);
        Processor.Out8(LineControl, EightBitsNoParity);
        return Processor.In8(Scratch) == value;
    }

    private static bool HasFifos() => (Processor.In8(InterruptIdentification) & FifosEnabled) == FifosEnabled;

    private static void SetReceiveInterrupt()
    {
        if (s_isPresent)
        {
            Processor.Out8(InterruptEnable, s_wantsInterrupts && !s_isHeldBack ? ReceivedInterrupt : (byte)0);
        }
    }

    private static void SetRequestToSend(bool isOn) =>
        Processor.Out8(
            ModemControl, (byte)(TerminalReady | InterruptsOut | (isOn ? RequestToSend : 0)));

    private static bool WaitUntilIdle()
    {
        for (uint poll = 0; poll < MaximumStartPolls; poll++)
        {
            if ((ReadStatus() & TransmitterIdle) != 0)
            {
                return true;
            }

            Processor.Pause();
        }

        return false;
    }
}
