namespace VirtioGuest.LibOS.Console;

/// <summary>
/// What people typed, over the serial line and on the keyboard, in the order in which it came, as a terminal sends it:
/// Enter is a carriage return, Backspace 0x7F, the arrows are <c>ESC [ A</c> to <c>ESC [ D</c>.
/// </summary>
/// <remarks>
/// <para>
/// Filled from interrupts and read with interrupts off. When room runs out, bytes stay where they are: in the serial
/// port, which holds the sender back, and in the keyboard controller. What is lost all the same is marked in its place,
/// so that nobody takes the rest for the whole.
/// </para>
/// <para>
/// Ctrl+C is also counted, for whoever is running a command; and as on every terminal, it throws away what was typed
/// before it and has not been read.
/// </para>
/// </remarks>
internal static unsafe class ConsoleInput
{
    public const uint Capacity = 32768;

    /// <summary>What <see cref="Read"/> returns in place of bytes that were lost.</summary>
    public const ulong Lost = ulong.MaxValue;

    private const byte ControlC = 0x03;
    private const ushort LossMark = 0x100;

    // The last places are for the keyboard, whose keys send four bytes at most, and for marks.
    private const uint SerialLimit = Capacity - 64;
    private const uint KeyboardLimit = Capacity - 16;
    private const uint ResumeLimit = Capacity / 2;

    // One interrupt stands for a FIFO at most; more comes with the next. A broken port that always has data ends here.
    private const uint MaximumBytesAtOnce = 256;

    private static Ring s_ring;
    private static uint s_first;
    private static uint s_count;
    private static bool s_hasUnmarkedLoss;
    private static bool s_isKeyboardHeldBack;
    private static ulong s_interrupts;

    public static uint Available => s_count;

    /// <summary>How often Ctrl+C was typed.</summary>
    public static ulong Interrupts => s_interrupts;

    /// <summary>Serves the serial port: from its interrupt, or from the timer where it has none.</summary>
    /// <returns>Whether there is something for readers.</returns>
    public static bool OnSerialInterrupt()
    {
        uint count = 0;
        bool hasOverrun = false;
        while (count < MaximumBytesAtOnce && s_count < SerialLimit)
        {
            bool hasByte = Uart16550.TryRead(out byte value, out bool isDamaged);
            if (Uart16550.TakeOverrun())
            {
                // What was lost came after what the port still holds, which may be less than a line or more.
                MarkLoss();
                hasOverrun = true;
            }

            if (!hasByte)
            {
                break;
            }

            Take(value, isDamaged);
            count++;
        }

        if (hasOverrun)
        {
            MarkLoss();
        }

        bool isFull = s_count >= SerialLimit;
        Uart16550.HoldBack(isFull);
        if (!isFull && count == MaximumBytesAtOnce)
        {
            Uart16550.RenewReceiveInterrupt();
        }

        return count != 0 || hasOverrun;
    }

    /// <summary>Serves the keyboard's interrupt.</summary>
    /// <returns>Whether there is something for readers; a shift key alone brings nothing.</returns>
    public static bool OnKeyboardInterrupt()
    {
        uint before = s_count;
        ulong interrupts = s_interrupts;
        uint count = 0;
        s_isKeyboardHeldBack = false;
        while (count < MaximumBytesAtOnce && !s_isKeyboardHeldBack)
        {
            if (s_count >= KeyboardLimit)
            {
                s_isKeyboardHeldBack = true;
            }
            else if (KeyboardController.TryRead(out byte code))
            {
                Keyboard.Take(code);
                count++;
            }
            else
            {
                break;
            }
        }

        return s_count != before || s_interrupts != interrupts;
    }

    /// <summary>Takes bytes out, oldest first, without waiting.</summary>
    /// <returns>
    /// How many, at most <paramref name="length"/>; <see cref="Lost"/> where some are missing in front of the next.
    /// </returns>
    public static ulong Read(byte* buffer, ulong length)
    {
        ulong read = 0;
        while (read < length && s_count != 0 && s_ring.Entries[s_first] != LossMark)
        {
            buffer[read] = (byte)s_ring.Entries[s_first];
            Drop();
            read++;
        }

        if (read == 0 && length != 0 && s_count != 0)
        {
            Drop();
            read = Lost;
        }

        if (s_count <= ResumeLimit)
        {
            Resume();
        }

        return read;
    }

    /// <summary>Adds a byte as if it had been typed.</summary>
    public static void Put(byte value)
    {
        if (value == ControlC)
        {
            s_interrupts++;
            s_count = 0;
            s_hasUnmarkedLoss = false;
        }

        Add(value);
    }

    /// <summary>Marks that something is missing here.</summary>
    public static void MarkLoss() => Add(LossMark);

    private static void Take(byte value, bool isDamaged)
    {
        if (isDamaged)
        {
            MarkLoss();
        }
        else
        {
            Put(value);
        }
    }

    private static void Add(ushort entry)
    {
        if (s_hasUnmarkedLoss && s_count < Capacity)
        {
            s_hasUnmarkedLoss = false;
            s_ring.Entries[(s_first + s_count) % Capacity] = LossMark;
            s_count++;
        }

        if (s_count == Capacity)
        {
            s_hasUnmarkedLoss = true;
            return;
        }

        s_ring.Entries[(s_first + s_count) % Capacity] = entry;
        s_count++;
    }

    private static void Drop()
    {
        s_first = (s_first + 1) % Capacity;
        s_count--;
    }

    // There is room again: what was held back may come.
    private static void Resume()
    {
        if (s_hasUnmarkedLoss)
        {
            s_hasUnmarkedLoss = false;
            MarkLoss();
        }

        Uart16550.HoldBack(false);
        if (s_isKeyboardHeldBack)
        {
            OnKeyboardInterrupt();
        }
    }

    private struct Ring
    {
        public fixed ushort Entries[(int)Capacity];
    }
}
