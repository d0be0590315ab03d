using System;
using System.IO;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace VirtioGuest.VhostUser.Tests.Harness;

/// <summary>Descriptors of Linux that a front end makes and sends along.</summary>
internal static unsafe partial class Descriptors
{
    private const int SocketLevel = 1;
    private const int Rights = 1;
    private const int ControlHeader = 16;
    private const int NonBlocking = 0x800;

    /// <summary>Makes an event descriptor.</summary>
    public static int NewEvent() => Checked(eventfd(0, NonBlocking));

    /// <summary>Counts an event descriptor up.</summary>
    public static void Signal(int descriptor)
    {
        ulong one = 1;
        Checked(write(descriptor, &one, sizeof(ulong)));
    }

    /// <summary>What an event descriptor has counted; 0 for nothing.</summary>
    public static ulong Take(int descriptor)
    {
        ulong count = 0;
        return read(descriptor, &count, sizeof(ulong)) == sizeof(ulong) ? count : 0;
    }

    public static void Close(int descriptor) => Checked(close(descriptor));

    /// <summary>Sends bytes, and descriptors with the first of them.</summary>
    public static void Send(Socket socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<int> descriptors)
    {
        byte* control = stackalloc byte[ControlHeader + (16 * sizeof(int))];
        *(nuint*)control = (nuint)(ControlHeader + (descriptors.Length * sizeof(int)));
        ((int*)control)[2] = SocketLevel;
        ((int*)control)[3] = Rights;
        descriptors.CopyTo(new Span<int>(control + ControlHeader, 16));
        fixed (byte* start = bytes)
        {
            var part = new Part { Start = start, Length = (nuint)bytes.Length };
            var header = new MessageHeader
            {
                Parts = &part,
                PartCount = 1,
                Control = descriptors.IsEmpty ? null : control,
                ControlLength = descriptors.IsEmpty
                    ? 0
                    : (nuint)(ControlHeader + (((descriptors.Length + 1) & ~1) * sizeof(int))),
            };
            Checked((int)sendmsg((int)socket.Handle, &header, 0x4000));
        }
    }

    /// <summary>Receives bytes that come together, and the descriptor with them.</summary>
    public static int Receive(Socket socket, Span<byte> bytes)
    {
        byte* control = stackalloc byte[ControlHeader + sizeof(ulong)];
        fixed (byte* start = bytes)
        {
            var part = new Part { Start = start, Length = (nuint)bytes.Length };
            var header = new MessageHeader
            {
                Parts = &part,
                PartCount = 1,
                Control = control,
                ControlLength = ControlHeader + sizeof(ulong),
            };
            int length = Checked(recvmsg((int)socket.Handle, &header, 0));
            return length == bytes.Length && header.ControlLength >= ControlHeader + sizeof(int)
                ? *(int*)(control + ControlHeader)
                : throw new IOException("there was no descriptor");
        }
    }

    private static int Checked(nint result) => result >= 0
        ? (int)result
        : throw new IOException(Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError()));

    [LibraryImport("libc", SetLastError = true)]
    private static partial int eventfd(uint first, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int socket, MessageHeader* header, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int socket, MessageHeader* header, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, void* start, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, void* start, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int close(int descriptor);

    private struct Part
    {
        public byte* Start;
        public nuint Length;
    }

    private struct MessageHeader
    {
        public void* Name;
        public uint NameLength;
        public Part* Parts;
        public nuint PartCount;
        public byte* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
