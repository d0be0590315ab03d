using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

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
