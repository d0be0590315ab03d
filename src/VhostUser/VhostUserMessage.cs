using System;
using System.Buffers.Binary;
using System.IO;
using VirtioGuest.VhostUser.Native;

namespace VirtioGuest.VhostUser;

/// <summary>What a front end asks of a back end (vhost-user protocol, "Front-end message types").</summary>
internal enum VhostUserRequest
{
    GetFeatures = 1,
    SetFeatures = 2,
    SetOwner = 3,
    ResetOwner = 4,
    SetMemoryTable = 5,
    SetQueueSize = 8,
    SetQueueAddresses = 9,
    SetQueueBase = 10,
    GetQueueBase = 11,
    SetQueueKick = 12,
    SetQueueCall = 13,
    SetQueueError = 14,
    GetProtocolFeatures = 15,
    SetProtocolFeatures = 16,
    GetQueueCount = 17,
    SetQueueEnable = 18,
    GetConfiguration = 24,
    SetConfiguration = 25,
    GetInflight = 31,
    SetInflight = 32,
}

/// <summary>One message of a front end, and what came with it.</summary>
internal sealed class VhostUserMessage : IDisposable
{
    private const int HeaderLength = 12;
    private const int LargestPayload = 4096;
    private const uint VersionMask = 3;
    private const uint Version = 1;
    private const uint ReplyFlag = 1 << 2;
    private const uint NeedsReplyFlag = 1 << 3;

    private readonly byte[] _payload;
    private readonly int[] _descriptors;

    private VhostUserMessage(uint request, uint flags, byte[] payload, int[] descriptors)
    {
        Request = (VhostUserRequest)request;
        NeedsReply = (flags & NeedsReplyFlag) != 0;
        _payload = payload;
        _descriptors = descriptors;
    }

    /// <summary>What is asked.</summary>
    public VhostUserRequest Request { get; }

    /// <summary>Whether an answer is wanted, also to what needs none.</summary>
    public bool NeedsReply { get; }

    /// <summary>What it carries.</summary>
    public ReadOnlySpan<byte> Payload => _payload;

    /// <summary>Receives the next message.</summary>
    /// <returns>Null where the front end has gone.</returns>
    /// <exception cref="InvalidDataException">What came is no message.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static VhostUserMessage? TryReceive(int socket)
    {
        Span<byte> header = stackalloc byte[HeaderLength];
        Span<int> descriptors = stackalloc int[Posix.MostDescriptors];
        if (!TryFill(socket, header, descriptors, out int count))
        {
            return null;
        }

        int[] came = descriptors[..count].ToArray();
        try
        {
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(header[4..]);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(header[8..]);
            if ((flags & VersionMask) != Version || length > LargestPayload)
            {
                throw new InvalidDataException($"a message has flags {flags:x} and {length} bytes");
            }

            byte[] payload = new byte[length];
            if (!TryFill(socket, payload, descriptors, out int more) || more != 0)
            {
                CloseAll(descriptors[..more]);
                throw new InvalidDataException("a message ends too early, or has descriptors in the middle");
            }

            return new VhostUserMessage(BinaryPrimitives.ReadUInt32LittleEndian(header), flags, payload, came);
        }
        catch (Exception)
        {
            CloseAll(came);
            throw;
        }
    }

    /// <summary>Reads 32 bits of the payload.</summary>
    /// <exception cref="InvalidDataException">It is too short.</exception>
    public uint Read32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(Part(offset, sizeof(uint)));

    /// <summary>Reads 64 bits of the payload.</summary>
    /// <exception cref="InvalidDataException">It is too short.</exception>
    public ulong Read64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(Part(offset, sizeof(ulong)));

    /// <summary>A part of the payload.</summary>
    /// <exception cref="InvalidDataException">It is too short.</exception>
    public ReadOnlySpan<byte> Part(int offset, int length) =>
        offset >= 0 && length >= 0 && offset <= _payload.Length - length
            ? _payload.AsSpan(offset, length)
            : throw new InvalidDataException($"{Request} has {_payload.Length} bytes only");

    /// <summary>Takes a descriptor, which is the caller's from then on; -1 where there is none.</summary>
    public int TakeDescriptor(int index)
    {
        if (index >= _descriptors.Length)
        {
            return -1;
        }

        int descriptor = _descriptors[index];
        _descriptors[index] = -1;
        return descriptor;
    }

    /// <summary>Answers, with a descriptor where one is given.</summary>
    public void Reply(int socket, ReadOnlySpan<byte> payload, int descriptor = -1)
    {
        byte[] message = new byte[HeaderLength + payload.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)Request);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(4), Version | ReplyFlag);
        BinaryPrimitives.WriteUInt32LittleEndian(message.AsSpan(8), (uint)payload.Length);
        payload.CopyTo(message.AsSpan(HeaderLength));
        Posix.Send(socket, message, descriptor);
    }

    /// <summary>Answers with a number.</summary>
    public void Reply(int socket, ulong value)
    {
        Span<byte> payload = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(payload, value);
        Reply(socket, payload);
    }

    /// <summary>Closes the descriptors that nobody took.</summary>
    public void Dispose() => CloseAll(_descriptors);

    private static bool TryFill(int socket, Span<byte> bytes, Span<int> descriptors, out int count)
    {
        count = 0;
        int filled = 0;
        while (filled < bytes.Length)
        {
            int received = Posix.Receive(socket, bytes[filled..], descriptors[count..], out int more);
            count += more;
            if (received == 0)
            {
                CloseAll(descriptors[..count]);
                count = 0;
                return filled == 0 ? false : throw new InvalidDataException("the front end left within a message");
            }

            filled += received;
        }

        return true;
    }

    private static void CloseAll(ReadOnlySpan<int> descriptors)
    {
        foreach (int descriptor in descriptors)
        {
            Posix.Close(descriptor);
        }
    }
}
