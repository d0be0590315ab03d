using System;
using System.Runtime.ExceptionServices;
using System.Threading;

namespace VirtioGuest.Kernel;

/// <summary>
/// Heap set aside for the report of an exception that nobody handles: to print an <see cref="OutOfMemoryException"/>
/// with its stack trace takes memory too.
/// </summary>
/// <remarks>
/// It has to be there when such an exception is thrown. .NET 10.0 describes an unhandled exception for a debugger
/// first; when that runs out of memory itself, a lock is never released, and the machine sleeps for ever after its
/// report.
/// </remarks>
internal static class OutOfMemoryReserve
{
    // What the collector may use, as the runtime knows the setting.
    private const string LimitSetting = "GCHeapHardLimit";

    private const long Bytes = 1024 * 1024;

    private static int s_isGivenUp;

    /// <summary>Sets the memory aside; it is given up when memory runs out for the first time.</summary>
    public static void SetAside()
    {
        // The limit that holds at start leaves this much below what the machine has, and more.
        AppContext.SetData(LimitSetting, (ulong)(GC.GetGCMemoryInfo().TotalAvailableMemoryBytes + Bytes));
        AppDomain.CurrentDomain.FirstChanceException += GiveUp;
    }

    private static void GiveUp(object? sender, FirstChanceExceptionEventArgs arguments)
    {
        if (arguments.Exception is OutOfMemoryException && Interlocked.Exchange(ref s_isGivenUp, 1) == 0)
        {
            GC.RefreshMemoryLimit();
        }
    }
}
