using VirtioGuest.LibOS.Console;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// Looks at the serial port and the keyboard from the timer: often where their interrupts cannot come, and now and then
/// until the first one came, because a line that firmware describes may still lead nowhere.
/// </summary>
internal static class InputPolling
{
    /// <summary>What <see cref="NextLook"/> is when nothing is polled.</summary>
    public const ulong Never = ulong.MaxValue;

    // A 16550 holds 16 bytes, which take 1.4 ms at 115200 baud; but nobody types that fast, and a monitor holds back
    // what
    // finds no room.
    private const ulong Often = 10_000_000;
    private const ulong Seldom = 100_000_000;

    private static Source s_serial;
    private static Source s_keyboard;

    /// <summary>When the next look is due, in monotonic nanoseconds.</summary>
    public static ulong NextLook => s_serial.Next < s_keyboard.Next ? s_serial.Next : s_keyboard.Next;

    /// <summary>There is a serial port.</summary>
    /// <param name="canInterrupt">Whether its line can interrupt.</param>
    /// <param name="now">Monotonic nanoseconds.</param>
    public static void AddSerial(bool canInterrupt, ulong now) => s_serial.Start(canInterrupt ? Seldom : Often, now);

    /// <summary>There is a keyboard.</summary>
    /// <param name="canInterrupt">Whether its line can interrupt.</param>
    /// <param name="now">Monotonic nanoseconds.</param>
    public static void AddKeyboard(bool canInterrupt, ulong now) =>
        s_keyboard.Start(canInterrupt ? Seldom : Often, now);

    /// <summary>The serial port interrupted: it will again.</summary>
    public static void OnSerialInterrupt() => s_serial.Stop();

    /// <summary>The keyboard interrupted: it will again.</summary>
    public static void OnKeyboardInterrupt() => s_keyboard.Stop();

    /// <summary>Looks at what is due.</summary>
    /// <param name="now">Monotonic nanoseconds.</param>
    /// <returns>Whether bytes came in.</returns>
    public static bool OnTimer(ulong now)
    {
        bool hasInput = s_serial.TryTake(now) && ConsoleInput.OnSerialInterrupt();
        return (s_keyboard.TryTake(now) && ConsoleInput.OnKeyboardInterrupt()) || hasInput;
    }

    /// <summary>One of the two.</summary>
    private struct Source
    {
        private ulong _interval;
        private ulong _next;

        public readonly ulong Next => _interval == 0 ? Never : _next;

        public void Start(ulong interval, ulong now)
        {
            _interval = interval;
            _next = now + interval;
        }

        public void Stop() => _interval = 0;

        public bool TryTake(ulong now)
        {
            if (now < Next)
            {
                return false;
            }

            _next = now + _interval;
            return true;
        }
    }
}
