using System;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.Console;

/// <summary>What was written and has not yet left over the serial line.</summary>
/// <remarks>
/// <para>
/// Nothing is dropped because the other end is slow: the program waits in <see cref="HasRoom"/>, the end of the machine
/// in <see cref="IsDrained"/>. While bytes wait, the timer looks at the port (<see cref="NextLook"/>), soon where it
/// moves and less often where it stands still. No interrupt of the port is needed for that.
/// </para>
/// <para>
/// A port that has never been ready since the start is given up after <see cref="Patience"/>: no reader is that slow.
/// That output was lost is remembered, and the machine does not end as if all were well.
/// </para>
/// </remarks>
internal static unsafe class SerialOutput
{
    public const uint Capacity = 32768;

    /// <summary>
    /// How long a port that has never been ready is tried, and how long a failing machine waits for one that does not
    /// move, in nanoseconds.
    /// </summary>
    public const ulong Patience = 60_000_000_000;

    // Room for LibOS' own lines, which cannot wait.
    private const uint Reserve = 4096;

    private const ulong ShortestPause = 1_000_000;
    private const ulong LongestPause = 50_000_000;

    // Before the clock runs, looks are counted: each takes about a microsecond.
    private const uint MaximumLooksWithoutClock = 60_000_000;

    private static Ring s_ring;
    private static uint s_first;
    private static uint s_count;
    private static bool s_isAwaited;
    private static bool s_hasLost;
    private static ulong s_pause;
    private static ulong s_nextLook;
    private static ulong s_standingSince;

    /// <summary>Whether bytes were lost, because the port was given up.</summary>
    public static bool HasLost => s_hasLost;

    /// <summary>Whether everything has left the machine.</summary>
    public static bool IsDrained
    {
        get
        {
            Move();
            bool isDrained = s_count == 0 && Uart16550.IsIdle;
            s_isAwaited = !isDrained;
            return isDrained;
        }
    }

    /// <summary>
    /// When the timer must call <see cref="Look"/>, in monotonic nanoseconds; <see cref="Clock.Never"/> if it need not.
    /// </summary>
    public static ulong NextLook
    {
        get
        {
            if (s_count == 0 && !s_isAwaited)
            {
                return Clock.Never;
            }

            if (s_nextLook == Clock.Never)
            {
                s_pause = ShortestPause;
                s_nextLook = Clock.Now + s_pause;
                s_standingSince = Clock.Now;
            }

            return s_nextLook;
        }
    }

    /// <summary>Looks for the port, and forgets what waited.</summary>
    public static void Initialize()
    {
        s_first = 0;
        s_count = 0;
        s_isAwaited = false;
        s_hasLost = false;
        s_pause = ShortestPause;
        s_nextLook = Clock.Never;
        s_standingSince = 0;
        Uart16550.Initialize();
    }

    /// <summary>Whether the program may write so many bytes now, even if all of them are line feeds.</summary>
    public static bool HasRoom(ulong bytes)
    {
        Move();
        return 2 * bytes <= Capacity - Reserve - Math.Min(s_count, Capacity - Reserve);
    }

    /// <summary>Adds a byte. If there is no room, waits as <see cref="Flush"/> does.</summary>
    public static void Put(byte value)
    {
        if (!Uart16550.IsPresent)
        {
            return;
        }

        if (s_count == Capacity && !Wait(untilDrained: false))
        {
            s_hasLost = true;
            return;
        }

        s_ring.Bytes[(s_first + s_count) % Capacity] = value;
        s_count++;
    }

    /// <summary>Gives the port what it takes now.</summary>
    /// <returns>Whether it took anything.</returns>
    public static bool Move()
    {
        uint before = s_count;
        while (s_count != 0 && Uart16550.TryWrite(s_ring.Bytes[s_first]))
        {
            s_first = (s_first + 1) % Capacity;
            s_count--;
        }

        return s_count != before;
    }

    /// <summary>The timer's part: moves what can be moved, and decides when to look next.</summary>
    /// <returns>Whether those who wait should try again.</returns>
    public static bool Look()
    {
        ulong now = Clock.Now;
        if (s_nextLook > now)
        {
            return false;
        }

        bool hasMoved = Move();
        s_standingSince = hasMoved ? now : s_standingSince;
        if (!hasMoved && !Uart16550.HasBeenReady && now - s_standingSince > Patience)
        {
            GiveUp();
        }

        s_pause = hasMoved ? ShortestPause : Math.Min(s_pause * 2, LongestPause);
        s_nextLook = s_count == 0 && !s_isAwaited ? Clock.Never : now + s_pause;
        return hasMoved || s_isAwaited || !Uart16550.IsPresent;
    }

    /// <summary>
    /// Waits until everything has left, with nothing else going on: for a machine that has failed. A port that does not
    /// move for <see cref="Patience"/> ends the wait.
    /// </summary>
    public static void Flush() => Wait(untilDrained: true);

    private static bool Wait(bool untilDrained)
    {
        bool hasClock = Clock.Kilohertz != 0;
        ulong start = hasClock ? Clock.Now : 0;
        uint looks = 0;
        while (!(untilDrained ? s_count == 0 && Uart16550.IsIdle : s_count != Capacity))
        {
            looks++;
            if (Move())
            {
                looks = 0;
                start = hasClock ? Clock.Now : 0;
            }
            else if (hasClock ? Clock.Now - start > Patience : looks > MaximumLooksWithoutClock)
            {
                return false;
            }

            Processor.Pause();
        }

        return true;
    }

    private static void GiveUp()
    {
        s_hasLost = true;
        s_count = 0;
        s_isAwaited = false;
        Uart16550.GiveUp();
    }

    private struct Ring
    {
        public fixed byte Bytes[(int)Capacity];
    }
}
