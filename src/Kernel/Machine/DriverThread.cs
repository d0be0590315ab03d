using System.Threading;
using VirtioGuest.Hal;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>
/// The thread that serves one interrupt: it waits until the interrupt comes, calls the driver, and waits again.
/// </summary>
/// <remarks>
/// LibOS runs it before all other threads once its interrupt has come. It also calls the driver when LibOS says that a
/// device on a line is to be looked at without one, because not every line brings every interrupt. An exception that
/// leaves the driver's handler is a bug; nothing catches it, so that the program ends with its report.
/// </remarks>
internal sealed class DriverThread
{
    private const int StackSize = 256 * 1024;

    private readonly ulong _handle;
    private readonly string _name;
    private readonly InterruptHandler _handler;
    private long _count;
    private volatile bool _isReleased;

    private DriverThread(ulong handle, string name, InterruptHandler handler)
    {
        _handle = handle;
        _name = name;
        _handler = handler;
    }

    /// <summary>How often the interrupt has come, as far as the thread has seen.</summary>
    public ulong Count => (ulong)Volatile.Read(ref _count);

    /// <summary>Starts serving an interrupt.</summary>
    /// <param name="handle">What LibOS calls it.</param>
    /// <param name="name">Who it is for, as shown to people.</param>
    /// <param name="handler">Who serves it.</param>
    public static DriverThread Start(ulong handle, string name, InterruptHandler handler)
    {
        var served = new DriverThread(handle, name, handler);
        new Thread(served.Serve, StackSize) { IsBackground = true }.Start();
        return served;
    }

    /// <summary>Stops delivery; the thread ends by itself.</summary>
    public void Release()
    {
        // The flag comes first: once the interrupt is released, its handle may be someone else's.
        _isReleased = true;
        LibOsError.ThrowIfError(LibOsCalls.ReleaseInterrupt(_handle), "libos_interrupt_release");
    }

    private void Serve()
    {
        LibOsThread.NameCurrent(_name);
        ulong seen = 0;
        ulong claimed = 0;
        while (!_isReleased)
        {
            long result = LibOsCalls.WaitInterrupt(_handle, seen, claimed);
            if (result == LibOsError.Cancelled)
            {
                return;
            }

            LibOsError.ThrowIfError(result, "libos_interrupt_wait");
            seen = (ulong)result & ~LibOsCalls.Look;
            Volatile.Write(ref _count, (long)seen);
            claimed = _handler.OnInterrupt() ? 1UL : 0UL;
        }
    }
}

/// <summary>The calling thread, as LibOS knows it.</summary>
internal static class LibOsThread
{
    /// <summary>Gives the calling thread a name for the <c>threads</c> command and for failure reports.</summary>
    public static unsafe void NameCurrent(string name)
    {
        byte* text = stackalloc byte[ThreadInfo.NameLength];
        LibOsInterruptController.CopyName(name, text, ThreadInfo.NameLength);
        LibOsError.ThrowIfError(LibOsCalls.SetThreadName(text), "libos_thread_name");
    }
}
