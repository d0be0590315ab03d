using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Console;

/// <summary>The 8042 keyboard controller, with its first port only and translation to scan code set 1.</summary>
/// <remarks>
/// Every wait is bounded, and the first that fails ends the search, so that a machine without a controller costs little
/// time. The controller's self-test is left out: firmware has done it, and small monitors (kvmtool) never answer it.
/// </remarks>
internal static class KeyboardController
{
    public const uint InterruptLine = 1;

    private const ushort Data = 0x60;
    private const ushort Status = 0x64;
    private const ushort Command = 0x64;

    private const byte OutputFull = 1 << 0;
    private const byte InputFull = 1 << 1;
    private const byte FromSecondPort = 1 << 5;

    private const byte ReadConfiguration = 0x20;
    private const byte WriteConfiguration = 0x60;
    private const byte DisableSecondPort = 0xA7;
    private const byte DisableFirstPort = 0xAD;
    private const byte EnableFirstPort = 0xAE;
    private const byte EnableScanning = 0xF4;

    private const byte FirstInterrupt = 1 << 0;
    private const byte SecondInterrupt = 1 << 1;
    private const byte FirstClockOff = 1 << 4;
    private const byte Translation = 1 << 6;

    private const byte NoDevice = 0xFF;

    // A controller's buffers hold a byte or a few; one that never runs dry is none.
    private const uint MaximumFlushed = 32;

    // A port read takes about a microsecond; controllers answer within a few milliseconds.
    private const uint MaximumPolls = 20_000;

    private static bool s_isPresent;

    /// <summary>Whether <see cref="Initialize"/> found the controller.</summary>
    public static bool IsPresent => s_isPresent;

    /// <summary>Looks for the controller and sets it up, so that keys interrupt.</summary>
    /// <returns>Whether there is one.</returns>
    public static bool Initialize()
    {
        s_isPresent = Processor.In8(Status) != NoDevice && TrySetUp();
        return s_isPresent;
    }

    /// <summary>Takes a scan code; what a mouse sent is thrown away.</summary>
    /// <returns>False where none is waiting.</returns>
    public static bool TryRead(out byte code)
    {
        code = 0;
        for (uint index = 0; s_isPresent && index < MaximumFlushed; index++)
        {
            byte status = Processor.In8(Status);
            if ((status & OutputFull) == 0)
            {
                return false;
            }

            code = Processor.In8(Data);
            if ((status & FromSecondPort) == 0)
            {
                return true;
            }
        }

        return false;
    }

    private static bool TrySetUp()
    {
        if (!Send(DisableFirstPort) || !Send(DisableSecondPort) || !Flush() ||
            !Send(ReadConfiguration) || !TryReceive(out byte configuration))
        {
            return false;
        }

        configuration |= FirstInterrupt | Translation;
        configuration &= unchecked((byte)~(SecondInterrupt | FirstClockOff));
        if (!Send(WriteConfiguration) || !SendData(configuration) || !Send(EnableFirstPort))
        {
            return false;
        }

        // The keyboard's acknowledgement, or none, tells nothing new: a keyboard may be plugged in later.
        if (SendData(EnableScanning))
        {
            TryReceive(out _);
        }

        return true;
    }

    private static bool Flush()
    {
        for (uint index = 0; index < MaximumFlushed; index++)
        {
            if ((Processor.In8(Status) & OutputFull) == 0)
            {
                return true;
            }

            Processor.In8(Data);
        }

        return false;
    }

    private static bool Send(byte command)
    {
        if (!WaitForInputRoom())
        {
            return false;
        }

        Processor.Out8(Command, command);
        return true;
    }

    private static bool SendData(byte value)
    {
        if (!WaitForInputRoom())
        {
            return false;
        }

        Processor.Out8(Data, value);
        return true;
    }

    private static bool WaitForInputRoom()
    {
        for (uint poll = 0; poll < MaximumPolls; poll++)
        {
            if ((Processor.In8(Status) & InputFull) == 0)
            {
                return true;
            }

            Processor.Pause();
        }

        return false;
    }

    private static bool TryReceive(out byte value)
    {
        for (uint poll = 0; poll < MaximumPolls; poll++)
        {
            if ((Processor.In8(Status) & OutputFull) != 0)
            {
                value = Processor.In8(Data);
                return true;
            }

            Processor.Pause();
        }

        value = 0;
        return false;
    }
}
