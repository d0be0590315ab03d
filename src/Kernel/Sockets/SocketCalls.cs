using System;
using System.Buffers.Binary;
using System.Runtime.InteropServices;
using VirtioGuest.Net;
using VirtioGuest.Sockets;

namespace VirtioGuest.Kernel.Sockets;

/// <summary>
/// What <c>System.Net.Sockets</c> calls, in place of the functions of .NET's own native library: they win at the link,
/// because all that is referred to is defined here.
/// </summary>
/// <remarks>Results are the class library's own error numbers. No exception may leave a call.</remarks>
internal static unsafe class SocketCalls
{
    private const int LevelSocket = 0xFFFF;
    private const int LevelIp = 0;
    private const int LevelTcp = 6;

    private static SocketSystem System => GuestSockets.System;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Socket")]
    private static SocketError Socket(int family, int type, int protocol, nint* descriptor)
    {
        try
        {
            SocketError error = System.Open(family, type, protocol, out int opened);
            *descriptor = opened;
            return error;
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Bind")]
    private static SocketError Bind(nint descriptor, int protocol, byte* address, int length)
    {
        try
        {
            return !TryFind(descriptor, out GuestSocket socket) ? SocketError.BadDescriptor
                : !TryRead(address, length, out IpEndpoint local) ? SocketError.AddressFamilyNotSupported
                : socket.Bind(local);
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Listen")]
    private static SocketError Listen(nint descriptor, int backlog)
    {
        try
        {
            return TryFind(descriptor, out GuestSocket socket) ? socket.Listen(backlog) : SocketError.BadDescriptor;
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Accept")]
    private static SocketError Accept(nint descriptor, byte* address, int* length, nint* accepted)
    {
        *accepted = -1;
        try
        {
            if (!TryFind(descriptor, out GuestSocket socket))
            {
                return SocketError.BadDescriptor;
            }

            SocketError error = socket.Accept(out GuestSocket? connection);
            if (error != SocketError.None)
            {
                return error;
            }

            error = System.Add(connection!, out int opened);
            if (error != SocketError.None)
            {
                connection!.Close();
                return error;
            }

            *accepted = opened;
            Write(connection!.Remote ?? default, address, length);
            return SocketError.None;
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Connect")]
    private static SocketError Connect(nint descriptor, byte* address, int length)
    {
        try
        {
            return !TryFind(descriptor, out GuestSocket socket) ? SocketError.BadDescriptor
                : !TryRead(address, length, out IpEndpoint remote) ? SocketError.AddressFamilyNotSupported
                : socket.Connect(remote);
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    // Data with the SYN (TCP Fast Open) is not sent: the class library sends it afterwards.
    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Connectx")]
    private static SocketError ConnectWithData(
        nint descriptor, byte* address, int length, byte* data, int dataLength, int isFastOpen, int* sent)
    {
        *sent = 0;
        return SocketError.NotSupported;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Disconnect")]
    private static SocketError Disconnect(nint descriptor) =>
        TryFind(descriptor, out GuestSocket socket) ? socket.Disconnect() : SocketError.BadDescriptor;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Shutdown")]
    private static SocketError Shutdown(nint descriptor, int how)
    {
        const int Receive = 0;
        const int Send = 1;
        return TryFind(descriptor, out GuestSocket socket)
            ? socket.Shutdown(how != Send, how != Receive)
            : SocketError.BadDescriptor;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Send")]
    private static SocketError Send(nint descriptor, byte* data, int length, MessageFlags flags, int* sent)
    {
        *sent = 0;
        return TryFind(descriptor, out GuestSocket socket)
            ? socket.Send(new ReadOnlySpan<byte>(data, length), null, flags, out *sent)
            : SocketError.BadDescriptor;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_Receive")]
    private static SocketError Receive(nint descriptor, byte* buffer, int length, MessageFlags flags, int* received)
    {
        *received = 0;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        SocketError error = socket.Receive(new Span<byte>(buffer, length), flags, out ReceivedMessage message);
        *received = message.Count;
        return error;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SendMessage")]
    private static SocketError SendMessage(nint descriptor, MessageHeader* header, MessageFlags flags, long* sent)
    {
        *sent = 0;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        IpEndpoint? destination = null;
        if (header->SocketAddress is not null && header->SocketAddressLength > 0)
        {
            if (!TryRead(header->SocketAddress, header->SocketAddressLength, out IpEndpoint named))
            {
                return SocketError.AddressFamilyNotSupported;
            }

            destination = named;
        }

        if (header->VectorCount == 1)
        {
            IoVector vector = header->Vectors[0];
            SocketError error = socket.Send(
                new ReadOnlySpan<byte>(vector.Base, (int)vector.Count), destination, flags, out int count);
            *sent = count;
            return error;
        }

        return socket.IsStream
            ? SendParts(socket, header, flags, sent)
            : SendGathered(socket, header, destination, flags, sent);
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_ReceiveMessage")]
    private static SocketError ReceiveMessage(
        nint descriptor, MessageHeader* header, MessageFlags flags, long* received)
    {
        *received = 0;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        SocketError error;
        ReceivedMessage message;
        if (header->VectorCount == 1)
        {
            IoVector vector = header->Vectors[0];
            error = socket.Receive(new Span<byte>(vector.Base, (int)vector.Count), flags, out message);
        }
        else
        {
            error = ReceiveScattered(socket, header, flags, out message);
        }

        if (error != SocketError.None)
        {
            return error;
        }

        *received = message.Count;
        header->Flags = message.IsTruncated ? MessageFlags.Truncated : MessageFlags.None;
        if (header->SocketAddress is not null && !socket.IsStream)
        {
            Write(message.Source, header->SocketAddress, &header->SocketAddressLength);
        }
        else
        {
            header->SocketAddressLength = 0;
        }

        if (header->ControlBuffer is not null && header->ControlLength >= sizeof(PacketOrigin))
        {
            *(PacketOrigin*)header->ControlBuffer = new PacketOrigin(message.Destination.Value, message.Link);
            header->ControlLength = sizeof(PacketOrigin);
        }

        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_TryGetIPPacketInformation")]
    private static int TryGetPacketInformation(MessageHeader* header, int isIPv4, PacketInformation* information)
    {
        if (isIPv4 == 0 || header->ControlBuffer is null || header->ControlLength < sizeof(PacketOrigin))
        {
            return 0;
        }

        PacketOrigin origin = *(PacketOrigin*)header->ControlBuffer;
        *information = new PacketInformation { Link = origin.Link, Address = NativeAddress.Of(origin.Destination) };
        return 1;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SendFile")]
    private static SocketError SendFile(nint descriptor, nint file, long offset, long count, long* sent)
    {
        *sent = 0;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        const int Piece = 16 * 1024;
        byte* buffer = stackalloc byte[Piece];
        while (*sent < count)
        {
            int read = DescriptorCalls.ReadFile(file, buffer, (int)Math.Min(Piece, count - *sent), offset + *sent);
            if (read <= 0)
            {
                return read == 0 ? SocketError.None : SocketError.InvalidArgument;
            }

            SocketError error = socket.Send(new ReadOnlySpan<byte>(buffer, read), null, 0, out int taken);
            *sent += taken;
            if (error != SocketError.None || taken < read)
            {
                return *sent > 0 ? SocketError.None : error;
            }
        }

        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetSockName")]
    private static SocketError GetSockName(nint descriptor, byte* address, int* length)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        Write(socket.Local, address, length);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetPeerName")]
    private static SocketError GetPeerName(nint descriptor, byte* address, int* length)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        if (socket.Remote is not IpEndpoint remote)
        {
            return SocketError.NotConnected;
        }

        Write(remote, address, length);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetBytesAvailable")]
    private static SocketError GetBytesAvailable(nint descriptor, int* available)
    {
        bool isFound = TryFind(descriptor, out GuestSocket socket);
        *available = isFound ? socket.Available : 0;
        return isFound ? SocketError.None : SocketError.BadDescriptor;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetAtOutOfBandMark")]
    private static SocketError GetAtOutOfBandMark(nint descriptor, int* isAtMark)
    {
        *isAtMark = 0;
        return TryFind(descriptor, out _) ? SocketError.None : SocketError.BadDescriptor;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetSocketType")]
    private static SocketError GetSocketType(
        nint descriptor, int* family, int* type, int* protocol, int* isListening)
    {
        const int Tcp = 6;
        const int Udp = 17;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.NotASocket;
        }

        *family = SocketAddressBytes.InterNetwork;
        *type = socket.IsStream ? 1 : 2;
        *protocol = socket.IsStream ? Tcp : Udp;
        *isListening = socket.IsListening ? 1 : 0;
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetSocketErrorOption")]
    private static SocketError GetSocketErrorOption(nint descriptor, SocketError* error)
    {
        bool isFound = TryFind(descriptor, out GuestSocket socket);
        *error = isFound ? socket.TakeError() : SocketError.None;
        return isFound ? SocketError.None : SocketError.BadDescriptor;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetLingerOption")]
    private static SocketError GetLinger(nint descriptor, LingerOption* option)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        TimeSpan? linger = socket.Linger;
        *option = new LingerOption(linger is null ? 0 : 1, (int)(linger?.TotalSeconds ?? 0));
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetLingerOption")]
    private static SocketError SetLinger(nint descriptor, LingerOption* option)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        if (option->Seconds < 0)
        {
            return SocketError.InvalidArgument;
        }

        socket.Linger = option->IsOn == 0 ? null : TimeSpan.FromSeconds(option->Seconds);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetReceiveTimeout")]
    private static SocketError SetReceiveTimeout(nint descriptor, int milliseconds)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        socket.ReceiveTimeout = milliseconds <= 0 ? null : TimeSpan.FromMilliseconds(milliseconds);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetSendTimeout")]
    private static SocketError SetSendTimeout(nint descriptor, int milliseconds)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        socket.SendTimeout = milliseconds <= 0 ? null : TimeSpan.FromMilliseconds(milliseconds);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetSockOpt")]
    private static SocketError GetOption(nint descriptor, int level, int name, byte* value, int* length)
    {
        const int Error = 0x1007;
        const int Type = 0x1008;
        const int IsAccepting = 2;
        const int TimeToLive = 4;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        if (*length < sizeof(int))
        {
            return SocketError.InvalidArgument;
        }

        int result = 0;
        SocketError error = SocketError.None;
        switch (level, name)
        {
            case (LevelSocket, Type):
                result = socket.IsStream ? 1 : 2;
                break;

            case (LevelSocket, Error):
                result = (int)socket.TakeError();
                break;

            case (LevelSocket, IsAccepting):
                result = socket.IsListening ? 1 : 0;
                break;

            case (LevelIp, TimeToLive):
                const int Usual = 64;
                result = Usual;
                break;

            default:
                error = ToOption(level, name) is SocketOption option
                    ? socket.GetOption(option, out result)
                    : SocketError.NoSuchOption;
                break;
        }

        *(int*)value = result;
        *length = sizeof(int);
        return error;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetSockOpt")]
    private static SocketError SetOption(nint descriptor, int level, int name, byte* value, int length)
    {
        const int PacketInformationOption = 19;
        const int ExclusiveAddressUse = -5;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        if (length < sizeof(int))
        {
            return SocketError.InvalidArgument;
        }

        // What each datagram was sent to is always told, and addresses are never shared.
        if ((level, name) is (LevelIp, PacketInformationOption) or (LevelSocket, ExclusiveAddressUse))
        {
            return SocketError.None;
        }

        return ToOption(level, name) is SocketOption option
            ? socket.SetOption(option, *(int*)value)
            : SocketError.NoSuchOption;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetRawSockOpt")]
    private static SocketError GetRawOption(nint descriptor, int level, int name, byte* value, int* length) =>
        SocketError.NoSuchOption;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetRawSockOpt")]
    private static SocketError SetRawOption(nint descriptor, int level, int name, byte* value, int length) =>
        SocketError.NoSuchOption;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetIPv4MulticastOption")]
    private static SocketError GetMulticastOption(nint descriptor, int option, MulticastOption* value)
    {
        *value = default;
        return SocketError.NoSuchOption;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetIPv4MulticastOption")]
    private static SocketError SetMulticastOption(nint descriptor, int option, MulticastOption* value)
    {
        const int Interface = 2;
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        const int Join = 0;
        try
        {
            return option == Interface
                ? SocketError.NoSuchOption
                : socket.ChangeMembership(
                    NativeAddress.FromWire(value->Group), NativeAddress.FromWire(value->Local), option == Join);
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_GetIPv6MulticastOption")]
    private static SocketError GetMulticastOptionV6(nint descriptor, int option, void* value) =>
        SocketError.NoSuchOption;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_SetIPv6MulticastOption")]
    private static SocketError SetMulticastOptionV6(nint descriptor, int option, void* value) =>
        SocketError.NoSuchOption;

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_CreateSocketEventPort")]
    private static SocketError CreateEventPort(nint* port)
    {
        *port = GCHandle.ToIntPtr(GCHandle.Alloc(new SocketEventPort()));
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_CloseSocketEventPort")]
    private static SocketError CloseEventPort(nint port)
    {
        GCHandle handle = GCHandle.FromIntPtr(port);
        ((SocketEventPort)handle.Target!).Close();
        handle.Free();
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_CreateSocketEventBuffer")]
    private static SocketError CreateEventBuffer(int count, SocketEvent** buffer)
    {
        *buffer = (SocketEvent*)NativeMemory.AllocZeroed((nuint)count, (nuint)sizeof(SocketEvent));
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_FreeSocketEventBuffer")]
    private static SocketError FreeEventBuffer(SocketEvent* buffer)
    {
        NativeMemory.Free(buffer);
        return SocketError.None;
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_TryChangeSocketEventRegistration")]
    private static SocketError ChangeEventRegistration(
        nint port, nint descriptor, SocketEvents current, SocketEvents wanted, nint data)
    {
        if (!TryFind(descriptor, out GuestSocket socket))
        {
            return SocketError.BadDescriptor;
        }

        try
        {
            if (wanted == SocketEvents.None)
            {
                socket.Unregister();
                return SocketError.None;
            }

            return socket.Register((SocketEventPort)GCHandle.FromIntPtr(port).Target!, data);
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    [UnmanagedCallersOnly(EntryPoint = "SystemNative_WaitForSocketEvents")]
    private static SocketError WaitForEvents(nint port, SocketEvent* buffer, int* count)
    {
        var target = (SocketEventPort)GCHandle.FromIntPtr(port).Target!;
        *count = target.Wait(new Span<SocketEvent>(buffer, *count));
        return SocketError.None;
    }

    private static bool TryFind(nint descriptor, out GuestSocket socket)
    {
        socket = System.Find(descriptor)!;
        return socket is not null;
    }

    private static bool TryRead(byte* address, int length, out IpEndpoint endpoint) =>
        SocketAddressBytes.TryRead(new ReadOnlySpan<byte>(address, length), out endpoint);

    private static void Write(in IpEndpoint endpoint, byte* address, int* length) =>
        *length = SocketAddressBytes.Write(endpoint, new Span<byte>(address, *length));

    private static SocketOption? ToOption(int level, int name) => (level, name) switch
    {
        (LevelSocket, 4) => SocketOption.ReuseAddress,
        (LevelSocket, 8) => SocketOption.KeepAlive,
        (LevelSocket, 0x20) => SocketOption.Broadcast,
        (LevelSocket, 0x1001) => SocketOption.SendBuffer,
        (LevelSocket, 0x1002) => SocketOption.ReceiveBuffer,
        (LevelTcp, 1) => SocketOption.NoDelay,
        (LevelTcp, 3) => SocketOption.KeepAliveTime,
        (LevelTcp, 16) => SocketOption.KeepAliveRetries,
        (LevelTcp, 17) => SocketOption.KeepAliveInterval,
        _ => null,
    };

    private static SocketError SendParts(GuestSocket socket, MessageHeader* header, MessageFlags flags, long* sent)
    {
        for (int i = 0; i < header->VectorCount; i++)
        {
            IoVector vector = header->Vectors[i];
            var part = new ReadOnlySpan<byte>(vector.Base, (int)vector.Count);
            if (part.IsEmpty && i < header->VectorCount - 1)
            {
                continue;
            }

            SocketError error = socket.Send(part, null, flags, out int count);
            *sent += count;
            if (error != SocketError.None || count < part.Length)
            {
                return *sent > 0 ? SocketError.None : error;
            }
        }

        return SocketError.None;
    }

    private static SocketError SendGathered(
        GuestSocket socket, MessageHeader* header, IpEndpoint? destination, MessageFlags flags, long* sent)
    {
        const int LargestDatagram = 65507;
        nuint total = TotalLength(header);
        if (total > LargestDatagram)
        {
            return SocketError.MessageTooLong;
        }

        try
        {
            byte[] message = new byte[total];
            int length = 0;
            for (int i = 0; i < header->VectorCount; i++)
            {
                var part = new ReadOnlySpan<byte>(header->Vectors[i].Base, (int)header->Vectors[i].Count);
                part.CopyTo(message.AsSpan(length));
                length += part.Length;
            }

            SocketError error = socket.Send(message, destination, flags, out int count);
            *sent = count;
            return error;
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    private static SocketError ReceiveScattered(
        GuestSocket socket, MessageHeader* header, MessageFlags flags, out ReceivedMessage message)
    {
        message = default;
        try
        {
            const int Most = 1 << 20;
            byte[] buffer = new byte[Math.Min(TotalLength(header), Most)];
            SocketError error = socket.Receive(buffer, flags, out message);
            ReadOnlySpan<byte> left = buffer.AsSpan(0, message.Count);
            for (int i = 0; i < header->VectorCount && !left.IsEmpty; i++)
            {
                int length = (int)Math.Min(header->Vectors[i].Count, (nuint)left.Length);
                left[..length].CopyTo(new Span<byte>(header->Vectors[i].Base, length));
                left = left[length..];
            }

            return error;
        }
        catch (OutOfMemoryException)
        {
            return SocketError.NoMemory;
        }
    }

    private static nuint TotalLength(MessageHeader* header)
    {
        nuint total = 0;
        for (int i = 0; i < header->VectorCount; i++)
        {
            total += header->Vectors[i].Count;
        }

        return total;
    }

#pragma warning disable CS0649 // It is the class library that assigns the fields of its own structures.
    private struct IoVector
    {
        public byte* Base;
        public nuint Count;
    }

    private struct MessageHeader
    {
        public byte* SocketAddress;
        public IoVector* Vectors;
        public byte* ControlBuffer;
        public int SocketAddressLength;
        public int VectorCount;
        public int ControlLength;
        public MessageFlags Flags;
    }

    private readonly record struct LingerOption(int IsOn, int Seconds);

    private struct MulticastOption
    {
        public uint Group;
        public uint Local;
        public int Link;
        public int Padding;
    }

    private struct PacketInformation
    {
        public NativeAddress Address;
        public int Link;
        public int Padding;
    }

#pragma warning restore CS0649

    /// <summary>What stands in the control buffer: our own form, which only we read.</summary>
    private readonly record struct PacketOrigin(uint Destination, int Link);
}

/// <summary>An IP address as the class library has it.</summary>
internal unsafe struct NativeAddress
{
    public fixed byte Bytes[16];
    public uint IsIPv6;
    public uint Scope;

    /// <summary>Takes an IPv4 address.</summary>
    public static NativeAddress Of(uint address)
    {
        var native = new NativeAddress { IsIPv6 = 0, Scope = 0 };
        *(uint*)native.Bytes = ToWire(address);
        return native;
    }

    /// <summary>An address that lies in memory as on the wire.</summary>
    public static IPv4Address FromWire(uint address) => new(ToWire(address));

    private static uint ToWire(uint address) => BinaryPrimitives.ReverseEndianness(address);
}
