using System;
using System.IO;
using System.Runtime.InteropServices;

namespace VirtioGuest.VhostUser.Native;

/// <summary>
/// What the protocol needs of Linux and .NET has no calls for: descriptors that travel, and are waited for.
/// </summary>
internal static unsafe partial class Posix
{
    private const int SocketLevel = 1;
    private const int Rights = 1;
    private const int CloseOnExec = 0x4000_0000;
    private const int NoSignal = 0x4000;
    private const int ReadWrite = 3;
    private const int Shared = 1;
    private const int Interrupted = 4;
    private const int TryAgain = 11;
    private const short Readable = 1;
    private const int ControlHeader = 16;

    /// <summary>The most descriptors that come with one message.</summary>
    public const int MostDescriptors = 16;

    /// <summary>Receives bytes, and the descriptors that come with them.</summary>
    /// <param name="socket">A socket of the stream kind.</param>
    /// <param name="bytes">Room for the bytes.</param>
    /// <param name="descriptors">Room for them; those that find none are closed.</param>
    /// <param name="count">How many descriptors came.</param>
    /// <returns>How many bytes came; 0 at the end of the stream.</returns>
    /// <exception cref="IOException">The connection broke.</exception>
    public static int Receive(int socket, Span<byte> bytes, Span<int> descriptors, out int count)
    {
        count = 0;
        byte* control = stackalloc byte[ControlHeader + (MostDescriptors * sizeof(int))];
        fixed (byte* start = bytes)
        {
            var part = new Part { Start = start, Length = (nuint)bytes.Length };
            nint received;
            MessageHeader header;
            do
            {
                header = new MessageHeader
                {
                    Parts = &part,
                    PartCount = 1,
                    Control = control,
                    ControlLength = ControlHeader + (MostDescriptors * sizeof(int)),
                };
                received = recvmsg(socket, &header, CloseOnExec);
            }
            while (received < 0 && Marshal.GetLastPInvokeError() == Interrupted);

            if (received < 0)
            {
                throw Broken("receive");
            }

            int* words = (int*)control;
            if (header.ControlLength >= ControlHeader && words[2] == SocketLevel && words[3] == Rights)
            {
                int came = (int)((*(nuint*)control - ControlHeader) / sizeof(int));
                for (int i = 0; i < came; i++)
                {
                    int descriptor = ((int*)(control + ControlHeader))[i];
                    if (count == descriptors.Length)
                    {
                        Close(descriptor);
                        continue;
                    }

                    descriptors[count++] = descriptor;
                }
            }

            return (int)received;
        }
    }

    /// <summary>Sends bytes, all of them, and a descriptor with the first ones; -1 for none.</summary>
    /// <exception cref="IOException">The connection broke.</exception>
    public static void Send(int socket, ReadOnlySpan<byte> bytes, int descriptor = -1)
    {
        byte* control = stackalloc byte[ControlHeader + sizeof(ulong)];
        *(nuint*)control = ControlHeader + sizeof(int);
        ((int*)control)[2] = SocketLevel;
        ((int*)control)[3] = Rights;
        *(ulong*)(control + ControlHeader) = (uint)descriptor;
        bool isSent = descriptor < 0;
        while (!bytes.IsEmpty)
        {
            nint sent;
            fixed (byte* start = bytes)
            {
                var part = new Part { Start = start, Length = (nuint)bytes.Length };
                var header = new MessageHeader
                {
                    Parts = &part,
                    PartCount = 1,
                    Control = isSent ? null : control,
                    ControlLength = isSent ? 0 : (nuint)(ControlHeader + sizeof(ulong)),
                };
                sent = sendmsg(socket, &header, NoSignal);
            }

            if (sent < 0 && Marshal.GetLastPInvokeError() != Interrupted)
            {
                throw Broken("send");
            }

            isSent |= sent > 0;
            bytes = bytes[(int)Math.Max(sent, 0)..];
        }
    }

    /// <summary>Makes memory of zeros in a file without a name.</summary>
    public static int NewMemory(ulong length)
    {
        int descriptor = memfd_create("inflight", 0);
        if (descriptor < 0 || ftruncate(descriptor, (long)length) != 0)
        {
            throw Broken("make memory");
        }

        return descriptor;
    }

    /// <summary>Waits until one of several descriptors can be read.</summary>
    /// <param name="descriptors">Which; negative ones are passed over.</param>
    /// <param name="isReadable">Which of them can be read.</param>
    /// <param name="milliseconds">How long at most; -1 for as long as it takes.</param>
    public static void Wait(ReadOnlySpan<int> descriptors, Span<bool> isReadable, int milliseconds)
    {
        Poll* polls = stackalloc Poll[descriptors.Length];
        for (int i = 0; i < descriptors.Length; i++)
        {
            polls[i] = new Poll { Descriptor = descriptors[i], Wanted = Readable, Found = 0 };
        }

        int ready = poll(polls, (nuint)descriptors.Length, milliseconds);
        if (ready < 0 && Marshal.GetLastPInvokeError() != Interrupted)
        {
            throw Broken("poll");
        }

        for (int i = 0; i < descriptors.Length; i++)
        {
            isReadable[i] = ready > 0 && descriptors[i] >= 0 && polls[i].Found != 0;
        }
    }

    /// <summary>Takes what an event descriptor counted.</summary>
    public static ulong TakeEvents(int descriptor)
    {
        ulong value = 0;
        if (read(descriptor, &value, sizeof(ulong)) < 0
            && Marshal.GetLastPInvokeError() is not (Interrupted or TryAgain))
        {
            throw Broken("read an event");
        }

        return value;
    }

    /// <summary>Whether an event descriptor has counted anything that was not taken; nothing is taken.</summary>
    public static bool HasEvents(int descriptor)
    {
        Span<bool> isReadable = stackalloc bool[1];
        Wait([descriptor], isReadable, 0);
        return isReadable[0];
    }

    /// <summary>Counts an event descriptor up.</summary>
    /// <exception cref="IOException">It is none.</exception>
    public static void SignalEvent(int descriptor)
    {
        ulong one = 1;

        // A counter that is full has been signalled already.
        if (write(descriptor, &one, sizeof(ulong)) < 0
            && Marshal.GetLastPInvokeError() is not (Interrupted or TryAgain))
        {
            throw Broken("signal an event");
        }
    }

    /// <summary>How many bytes a file has.</summary>
    public static long LengthOf(int descriptor)
    {
        const int End = 2;
        long length = lseek(descriptor, 0, End);
        return length >= 0 ? length : throw Broken("find the size of memory");
    }

    /// <summary>Maps a file, to be shared with whoever else maps it.</summary>
    public static byte* Map(int descriptor, ulong length)
    {
        void* address = mmap(null, (nuint)length, ReadWrite, Shared, descriptor, 0);
        return (nint)address != -1 ? (byte*)address : throw Broken("map memory");
    }

    /// <summary>Ends a mapping.</summary>
    public static void Unmap(byte* address, ulong length) => _ = munmap(address, (nuint)length);

    /// <summary>Closes a descriptor; negative ones are none.</summary>
    public static void Close(int descriptor)
    {
        if (descriptor >= 0)
        {
            _ = close(descriptor);
        }
    }

    private static IOException Broken(string what) =>
        new($"cannot {what}: {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}");

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint recvmsg(int socket, MessageHeader* header, int flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint sendmsg(int socket, MessageHeader* header, int flags);

    [LibraryImport("libc", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int ftruncate(int descriptor, long length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial int poll(Poll* polls, nuint count, int milliseconds);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint read(int descriptor, void* start, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial nint write(int descriptor, void* start, nuint length);

    [LibraryImport("libc", SetLastError = true)]
    private static partial long lseek(int descriptor, long offset, int from);

    [LibraryImport("libc", SetLastError = true)]
    private static partial void* mmap(void* address, nuint length, int access, int flags, int descriptor, long offset);

    [LibraryImport("libc")]
    private static partial int munmap(void* address, nuint length);

    [LibraryImport("libc")]
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

    private struct Poll
    {
        public int Descriptor;
        public short Wanted;
        public short Found;
    }
}
