using System;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// Looks at the serial port and the keyboard from the timer: often where their interrupts cannot come, and now and then
/// until the first has come, because a line that firmware describes may still lead nowhere.
/// </summary>
internal static class InputPolling
{
    // A 16550 holds 16 bytes, which take 1.4 ms at 115200 baud; but nobody types that fast, and a monitor holds back
    // what finds no room.
    private const ulong Often = 10_000_000;
    private const ulong Seldom = 100_000_000;

    private static Source s_serial;
    private static Source s_keyboard;

    /// <summary>
    /// When the next look is due, in monotonic nanoseconds; <see cref="Clock.Never"/> when nothing is polled.
    /// </summary>
    public static ulong NextLook => Math.Min(s_serial.Next, s_keyboard.Next);

    /// <summary>Starts to poll the serial port.</summary>
    /// <param name="canInterrupt">Whether its line can interrupt.</param>
    /// <param name="now">Monotonic nanoseconds.</param>
    public static void AddSerial(bool canInterrupt, ulong now) => s_serial.Start(canInterrupt ? Seldom : Often, now);

    /// <summary>Starts to poll the keyboard.</summary>
    /// <param name="canInterrupt">Whether its line can interrupt.</param>
    /// <param name="now">Monotonic nanoseconds.</param>
    public static void AddKeyboard(bool canInterrupt, ulong now) =>
        s_keyboard.Start(canInterrupt ? Seldom : Often, now);

    /// <summary>The serial port has interrupted, so it need not be polled.</summary>
    public static void OnSerialInterrupt() => s_serial.Stop();

    /// <summary>The keyboard has interrupted, so it need not be polled.</summary>
    public static void OnKeyboardInterrupt() => s_keyboard.Stop();

    /// <summary>Reads the devices whose time has come.</summary>
    /// <param name="now">Monotonic nanoseconds.</param>
    /// <returns>Whether bytes came in.</returns>
    public static bool OnTimer(ulong now)
    {
        bool hasInput = s_serial.TryTake(now) && ConsoleInput.OnSerialInterrupt();
        return (s_keyboard.TryTake(now) && ConsoleInput.OnKeyboardInterrupt()) || hasInput;
    }

    private struct Source
    {
        private ulong _interval;
        private ulong _next;

        public readonly ulong Next => _interval == 0 ? Clock.Never : _next;

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
