namespace VirtioGuest.LibOS.Console;

/// <summary>
/// What people typed, over the serial line and on the keyboard, in the order in which it came, as a terminal sends it:
/// Enter is a carriage return, Backspace 0x7F, the arrows are <c>ESC [ A</c> to <c>ESC [ D</c>.
/// </summary>
/// <remarks>
/// Filled from interrupts and read with interrupts off. Bytes that find no room are dropped and counted.
/// </remarks>
internal static unsafe class ConsoleInput
{
    /// <summary>How many bytes there is room for.</summary>
    public const uint Capacity = 4096;

    // One interrupt stands for a FIFO at most; more comes with the next. A broken port that always has data ends here.
    private const uint MaximumBytesAtOnce = 256;

    private static Ring s_ring;
    private static uint s_first;
    private static uint s_count;
    private static ulong s_dropped;

    /// <summary>How many bytes are waiting.</summary>
    public static uint Available => s_count;

    /// <summary>How many bytes found no room.</summary>
    public static ulong Dropped => s_dropped;

    /// <summary>Serves the serial port's interrupt.</summary>
    /// <returns>Whether bytes came in.</returns>
    public static bool OnSerialInterrupt()
    {
        uint count = 0;
        while (count < MaximumBytesAtOnce && Uart16550.TryRead(out byte value))
        {
            Put(value);
            count++;
        }

        return count != 0;
    }

    /// <summary>Serves the keyboard's interrupt.</summary>
    /// <returns>Whether bytes came in; a shift key alone brings none.</returns>
    public static bool OnKeyboardInterrupt()
    {
        uint before = s_count;
        ulong dropped = s_dropped;
        uint count = 0;
        while (count < MaximumBytesAtOnce && KeyboardController.TryRead(out byte code))
        {
            Keyboard.Take(code);
            count++;
        }

        return s_count != before || s_dropped != dropped;
    }

    /// <summary>Takes bytes out, oldest first, without waiting.</summary>
    /// <returns>How many, at most <paramref name="length"/>.</returns>
    public static ulong Read(byte* buffer, ulong length)
    {
        ulong read = 0;
        while (read < length && s_count != 0)
        {
            buffer[read] = s_ring.Bytes[s_first];
            s_first = (s_first + 1) % Capacity;
            s_count--;
            read++;
        }

        return read;
    }

    /// <summary>Adds a byte as if it had been typed.</summary>
    public static void Put(byte value)
    {
        if (s_count == Capacity)
        {
            s_dropped++;
            return;
        }

        s_ring.Bytes[(s_first + s_count) % Capacity] = value;
        s_count++;
    }

    private struct Ring
    {
        public fixed byte Bytes[(int)Capacity];
    }
}
