using System;
using System.Buffers.Binary;
using System.IO;
using System.IO.MemoryMappedFiles;
using System.Net.Sockets;

namespace VirtioGuest.VhostUser.Tests.Harness;

/// <summary>
/// A machine monitor's end of vhost-user, with a guest's memory: says what a test has it say, right or wrong.
/// </summary>
public sealed class FrontEnd : IDisposable
{
    /// <summary>Where the guest has its memory.</summary>
    public const ulong GuestBase = 0x10_0000;

    /// <summary>How much there is.</summary>
    public const int MemoryLength = 0x4_0000;

    /// <summary>Where the front end has it.</summary>
    public const ulong OwnBase = 0x7000_0000_0000;

    private const int Version = 1;
    private const int NeedsReply = 8;
    private const int HeaderLength = 12;

    private readonly Socket _socket = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly SharedMemoryFile _memory;
    private readonly int[] _kicks = [Descriptors.NewEvent(), Descriptors.NewEvent()];
    private readonly int[] _calls = [Descriptors.NewEvent(), Descriptors.NewEvent()];

    /// <summary>Connects.</summary>
    /// <param name="path">Where the back end listens.</param>
    /// <param name="memory">The guest's memory; may outlive this front end.</param>
    public FrontEnd(string path, SharedMemoryFile memory)
    {
        _memory = memory;
        _socket.ReceiveTimeout = 10_000;
        _socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    /// <summary>The guest's memory.</summary>
    public SharedMemoryFile Memory => _memory;

    /// <summary>What the device offers.</summary>
    public ulong Offered => Ask(1);

    /// <summary>Negotiates as QEMU does, and shares the memory.</summary>
    /// <param name="features">What the driver accepted.</param>
    /// <param name="protocol">What the front end accepts of the protocol besides acknowledgements.</param>
    public void Start(ulong features, ulong protocol = 0)
    {
        Send(16, protocol | (1 << 3));
        Send(3);
        Send(2, features | (1UL << 30));
        ShareMemory(MemoryLength);
    }

    /// <summary>Shares the memory.</summary>
    /// <param name="length">How many bytes are said to be in the file.</param>
    public void ShareMemory(ulong length)
    {
        byte[] payload = new byte[40];
        payload[0] = 1;
        Write(payload, 8, GuestBase);
        Write(payload, 16, length);
        Write(payload, 24, OwnBase);
        Command(5, payload, _memory.Descriptor);
    }

    /// <summary>Has the device use a queue.</summary>
    /// <param name="index">Which.</param>
    /// <param name="size">How many descriptors it has.</param>
    /// <param name="descriptors">Where the guest has its parts.</param>
    /// <param name="driver">The driver's part.</param>
    /// <param name="device">The device's part.</param>
    /// <param name="start">Where the device begins in it.</param>
    public void StartQueue(
        uint index, uint size, ulong descriptors, ulong driver, ulong device, uint start)
    {
        Send(8, index | ((ulong)size << 32));
        Send(10, index | ((ulong)start << 32));
        byte[] payload = new byte[40];
        payload[0] = (byte)index;
        Write(payload, 8, descriptors - GuestBase + OwnBase);
        Write(payload, 16, device - GuestBase + OwnBase);
        Write(payload, 24, driver - GuestBase + OwnBase);
        Command(9, payload);
        Command(13, Number(index), _calls[index]);
        Command(12, Number(index), _kicks[index]);
        Send(18, index | (1UL << 32));
    }

    /// <summary>Takes a queue back.</summary>
    /// <returns>Where the device has come to.</returns>
    public uint StopQueue(uint index) => (uint)(Ask(11, Number(index)) >> 32);

    /// <summary>Tells the device whom to interrupt.</summary>
    public void SendCall(uint index) => SendCallOf(index, index);

    /// <summary>The same, but with the descriptor of another queue.</summary>
    public void SendCallOf(uint index, uint other) => Command(13, Number(index), _calls[other]);

    public void Kick(uint index) => Descriptors.Signal(_kicks[index]);

    /// <summary>How many interrupts there were since that was asked last.</summary>
    public ulong TakeCalls(uint index) => Descriptors.Take(_calls[index]);

    /// <summary>Sends bytes as they are.</summary>
    public void SendRaw(ReadOnlySpan<byte> bytes) => _socket.Send(bytes);

    /// <summary>Sends a message that needs an answer to say that it was taken.</summary>
    /// <exception cref="IOException">The back end let the front end go.</exception>
    public void Command(uint request, ReadOnlySpan<byte> payload, params ReadOnlySpan<int> descriptors)
    {
        Put(request, NeedsReply, payload, descriptors);
        Receive();
    }

    /// <summary>The same with a number of 64 bits, or nothing.</summary>
    public void Send(uint request, ulong? value = null) =>
        Command(request, value is ulong number ? Number(number) : []);

    /// <summary>Asks for a number.</summary>
    public ulong Ask(uint request, byte[]? payload = null)
    {
        Put(request, 0, payload ?? [], []);
        return BinaryPrimitives.ReadUInt64LittleEndian(Receive());
    }

    /// <summary>Sends a message and takes the answer, with the descriptor that comes along.</summary>
    public byte[] Exchange(uint request, ReadOnlySpan<byte> payload)
    {
        Put(request, 0, payload, []);
        return Receive();
    }

    /// <summary>Asks for memory for what is in flight.</summary>
    /// <returns>What the back end says of it, and its descriptor.</returns>
    /// <remarks>As QEMU does, with four bytes at the end that the protocol does not have.</remarks>
    public (byte[] Place, int Descriptor) AskInflight(ushort queues, ushort size)
    {
        byte[] payload = new byte[24];
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(16), queues);
        BinaryPrimitives.WriteUInt16LittleEndian(payload.AsSpan(18), size);
        Put(31, 0, payload, []);
        byte[] message = new byte[HeaderLength + payload.Length];
        int descriptor = Descriptors.Receive(_socket, message);
        return (message[HeaderLength..], descriptor);
    }

    /// <summary>Whether the back end has ended the connection, which is waited for.</summary>
    public bool IsLetGo()
    {
        try
        {
            byte[] rest = new byte[64];
            while (_socket.Receive(rest) != 0)
            {
            }

            return true;
        }
        catch (SocketException error)
        {
            return error.SocketErrorCode == SocketError.ConnectionReset;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _socket.Dispose();
        Array.ForEach(_kicks, Descriptors.Close);
        Array.ForEach(_calls, Descriptors.Close);
    }

    public static byte[] Number(ulong value) => BitConverter.GetBytes(value);

    private static void Write(byte[] payload, int at, ulong value) =>
        BinaryPrimitives.WriteUInt64LittleEndian(payload.AsSpan(at), value);

    private void Put(uint request, uint flags, ReadOnlySpan<byte> payload, ReadOnlySpan<int> descriptors)
    {
        byte[] message = new byte[HeaderLength + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, request);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), Version | flags);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)payload.Length);
        payload.CopyTo(message.AsSpan(HeaderLength));
        Descriptors.Send(_socket, message, descriptors);
    }

    private byte[] Receive()
    {
        byte[] header = Fill(HeaderLength);
        return Fill((int)BinaryPrimitives.ReadUInt32LittleEndian(header.AsSpan(8)));
    }

    private byte[] Fill(int length)
    {
        byte[] bytes = new byte[length];
        for (int at = 0; at < length;)
        {
            int count = _socket.Receive(bytes, at, length - at, SocketFlags.None);
            at += count != 0 ? count : throw new IOException("the back end has ended the connection");
        }

        return bytes;
    }
}

/// <summary>Memory in a file that two processes can share.</summary>
public sealed class SharedMemoryFile : IDisposable
{
    private readonly FileStream _file;
    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor _view;

    /// <param name="length">How many bytes.</param>
    public SharedMemoryFile(int length)
    {
        _file = new FileStream(
            Path.GetTempFileName(), FileMode.Open, FileAccess.ReadWrite, FileShare.None, 1, FileOptions.DeleteOnClose);
        _file.SetLength(length);
        _mapping = MemoryMappedFile.CreateFromFile(
            _file, null, 0, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        _view = _mapping.CreateViewAccessor();
    }

    public int Descriptor => (int)_file.SafeFileHandle.DangerousGetHandle();

    public ushort Read16(ulong address) => _view.ReadUInt16(At(address));

    public byte Read8(ulong address) => _view.ReadByte(At(address));

    public uint Read32(ulong address) => _view.ReadUInt32(At(address));

    public void Write8(ulong address, byte value) => _view.Write(At(address), value);

    public void Write16(ulong address, ushort value) => _view.Write(At(address), value);

    public void Write32(ulong address, uint value) => _view.Write(At(address), value);

    public void Write64(ulong address, ulong value) => _view.Write(At(address), value);

    /// <inheritdoc/>
    public void Dispose()
    {
        _view.Dispose();
        _mapping.Dispose();
        _file.Dispose();
    }

    private static long At(ulong address) => (long)(address - FrontEnd.GuestBase);
}
