using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>The first serial port of a PC, a 16550 (National Semiconductor PC16550D), at 115200 baud 8N1.</summary>
/// <remarks>
/// Output is polled with a bounded wait. Where the other end stops taking bytes, one byte waits its full time and is
/// dropped; the following are dropped at once until the transmitter moves again, so that a stuck line never stops the
/// machine.
/// </remarks>
internal static class Uart16550
{
    /// <summary>The interrupt line.</summary>
    public const byte InterruptLine = 4;

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
    private const byte EnableAndClearFifos = 0x07;
    private const byte FifosEnabled = 0xC0;
    private const byte ReadyAndInterruptsOut = 0x0B;
    private const byte ReceivedInterrupt = 0x01;
    private const byte DataReady = 0x01;
    private const byte TransmitterEmpty = 0x20;
    private const byte FifoDepth = 16;

    // A byte at 115200 baud takes 87 us and a full FIFO 1.4 ms; the other end gets about a second.
    private const uint MaximumPolls = 1_000_000;

    private static bool s_isPresent;
    private static bool s_isStuck;
    private static byte s_depth;
    private static byte s_room;

    /// <summary>Whether <see cref="Initialize"/> found the port.</summary>
    public static bool IsPresent => s_isPresent;

    /// <summary>Looks for the port and sets it up, with receive interrupts off.</summary>
    /// <returns>Whether there is one.</returns>
    public static bool Initialize()
    {
        s_isStuck = false;
        s_room = 0;
        s_isPresent = HoldsScratch(0x5A) && HoldsScratch(0xA5);
        if (!s_isPresent)
        {
            return false;
        }

        Processor.Out8(InterruptEnable, 0);
        Processor.Out8(LineControl, DivisorLatch | EightBitsNoParity);
        Processor.Out8(Data, 1);
        Processor.Out8(InterruptEnable, 0);
        Processor.Out8(LineControl, EightBitsNoParity);
        Processor.Out8(FifoControl, EnableAndClearFifos);
        Processor.Out8(ModemControl, ReadyAndInterruptsOut);
        bool hasFifo = (Processor.In8(InterruptIdentification) & FifosEnabled) == FifosEnabled;
        s_depth = hasFifo ? FifoDepth : (byte)1;
        return true;
    }

    /// <summary>Lets the port interrupt when a byte has come in.</summary>
    public static void EnableReceiveInterrupt()
    {
        if (s_isPresent)
        {
            Processor.Out8(InterruptEnable, ReceivedInterrupt);
        }
    }

    /// <summary>Sends a byte as it is.</summary>
    public static void Write(byte value)
    {
        if (!s_isPresent)
        {
            return;
        }

        if (s_room == 0 && !WaitForRoom())
        {
            return;
        }

        Processor.Out8(Data, value);
        s_room--;
    }

    /// <summary>Takes a received byte.</summary>
    /// <returns>False where none is waiting.</returns>
    public static bool TryRead(out byte value)
    {
        value = 0;
        if (!s_isPresent || (Processor.In8(LineStatus) & DataReady) == 0)
        {
            return false;
        }

        value = Processor.In8(Data);
        return true;
    }

    // The write in between changes what a bus without a device would echo.
    private static bool HoldsScratch(byte value)
    {
        Processor.Out8(Scratch, value);
        Processor.Out8(LineControl, EightBitsNoParity);
        return Processor.In8(Scratch) == value;
    }

    private static bool WaitForRoom()
    {
        uint polls = s_isStuck ? 1 : MaximumPolls;
        for (uint poll = 0; poll < polls; poll++)
        {
            if ((Processor.In8(LineStatus) & TransmitterEmpty) != 0)
            {
                s_isStuck = false;
                s_room = s_depth;
                return true;
            }

            Processor.Pause();
        }

        s_isStuck = true;
        return false;
    }
}
