using System;
using System.Runtime.InteropServices;
using VirtioGuest.Sockets;

namespace VirtioGuest.Kernel.Sockets;

/// <summary>
/// The calls that take a descriptor of either kind: a socket's is answered here, a file's by .NET's native library.
/// </summary>
/// <remarks>
/// The linker puts these before the library's (<c>--wrap</c>). They say what went wrong in errno, as the library does.
/// </remarks>
internal static unsafe partial class DescriptorCalls
{
    private const int Failed = -1;

    /// <summary>Reads a file at an offset.</summary>
    /// <returns>How many bytes; -1 where it cannot be read.</returns>
    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_PRead")]
    public static partial int ReadFile(nint file, byte* buffer, int count, long offset);

    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_Close")]
    private static int Close(nint descriptor)
    {
        if (!IsSocket(descriptor))
        {
            return RealClose(descriptor);
        }

        return GuestSockets.System.Close(descriptor) ? 0 : Fail(SocketError.BadDescriptor);
    }

    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_Read")]
    private static int Read(nint descriptor, byte* buffer, int count)
    {
        if (!IsSocket(descriptor))
        {
            return RealRead(descriptor, buffer, count);
        }

        if (GuestSockets.System.Find(descriptor) is not GuestSocket socket)
        {
            return Fail(SocketError.BadDescriptor);
        }

        SocketError error = socket.Receive(new Span<byte>(buffer, count), 0, out ReceivedMessage message);
        return error == SocketError.None ? message.Count : Fail(error);
    }

    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_Write")]
    private static int Write(nint descriptor, byte* buffer, int count)
    {
        if (!IsSocket(descriptor))
        {
            return RealWrite(descriptor, buffer, count);
        }

        if (GuestSockets.System.Find(descriptor) is not GuestSocket socket)
        {
            return Fail(SocketError.BadDescriptor);
        }

        SocketError error = socket.Send(new ReadOnlySpan<byte>(buffer, count), null, 0, out int sent);
        return error == SocketError.None ? sent : Fail(error);
    }

    // Sockets and files are not waited for together: whoever waits for one socket waits for sockets.
    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_Poll")]
    private static SocketError Poll(PollEntry* entries, uint count, int milliseconds, uint* triggered)
    {
        bool anySocket = false;
        for (uint i = 0; i < count; i++)
        {
            anySocket |= IsSocket(entries[i].Descriptor);
        }

        if (!anySocket)
        {
            return RealPoll(entries, count, milliseconds, triggered);
        }

        TimeSpan? timeout = milliseconds < 0 ? null : TimeSpan.FromMilliseconds(milliseconds);
        *triggered = (uint)GuestSockets.System.Poll(new Span<PollEntry>(entries, (int)count), timeout);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Select")]
    private static SocketError Select(
        int* read, int reads, int* write, int writes, int* error, int errors, int time, int most, int* count)
    {
        // The class library polls everywhere but on Apple's systems.
        *count = 0;
        return SocketError.NotSupported;
    }

    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_FcntlSetIsNonBlocking")]
    private static int SetNonBlocking(nint descriptor, int isNonBlocking)
    {
        if (!IsSocket(descriptor))
        {
            return RealSetNonBlocking(descriptor, isNonBlocking);
        }

        if (GuestSockets.System.Find(descriptor) is not GuestSocket socket)
        {
            return Fail(SocketError.BadDescriptor);
        }

        socket.IsBlocking = isNonBlocking == 0;
        return 0;
    }

    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_FcntlGetIsNonBlocking")]
    private static int GetNonBlocking(nint descriptor, int* isNonBlocking)
    {
        if (!IsSocket(descriptor))
        {
            return RealGetNonBlocking(descriptor, isNonBlocking);
        }

        if (GuestSockets.System.Find(descriptor) is not GuestSocket socket)
        {
            return Fail(SocketError.BadDescriptor);
        }

        *isNonBlocking = socket.IsBlocking ? 0 : 1;
        return 0;
    }

    // Whether it is closed when another program is started: there are no other programs.
    [UnmanagedCallersOnly(EntryPoint = "__wrap_SystemNative_FcntlGetFD")]
    private static int GetDescriptorFlags(nint descriptor)
    {
        const int CloseOnExecute = 1;
        return IsSocket(descriptor) ? CloseOnExecute : RealGetDescriptorFlags(descriptor);
    }

    private static bool IsSocket(nint descriptor) => descriptor >= SocketSystem.FirstDescriptor;

    private static int Fail(SocketError error)
    {
        Marshal.SetLastSystemError(ToErrorNumber(error));
        return Failed;
    }

    [LibraryImport("libSystem.Native", EntryPoint = "SystemNative_ConvertErrorPalToPlatform")]
    private static partial int ToErrorNumber(SocketError error);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_Close")]
    private static partial int RealClose(nint descriptor);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_Read")]
    private static partial int RealRead(nint descriptor, byte* buffer, int count);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_Write")]
    private static partial int RealWrite(nint descriptor, byte* buffer, int count);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_Poll")]
    private static partial SocketError RealPoll(PollEntry* entries, uint count, int milliseconds, uint* triggered);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_FcntlSetIsNonBlocking")]
    private static partial int RealSetNonBlocking(nint descriptor, int isNonBlocking);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_FcntlGetIsNonBlocking")]
    private static partial int RealGetNonBlocking(nint descriptor, int* isNonBlocking);

    [LibraryImport("libSystem.Native", EntryPoint = "__real_SystemNative_FcntlGetFD")]
    private static partial int RealGetDescriptorFlags(nint descriptor);
}
