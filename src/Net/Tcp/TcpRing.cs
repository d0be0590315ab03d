using System;
using System.Collections.Generic;
using System.Numerics;

namespace VirtioGuest.Net.Tcp;

/// <summary>A buffer of fixed size for a stretch of a stream, addressed by sequence numbers.</summary>
/// <remarks>Its memory is rented when something is written, so that an idle connection has none.</remarks>
internal sealed class TcpRing
{
    private readonly TcpBuffers _pool;
    private byte[]? _bytes;

    /// <param name="pool">Where the memory comes from.</param>
    /// <param name="capacity">The size in bytes; rounded up to a power of two.</param>
    public TcpRing(TcpBuffers pool, int capacity)
    {
        _pool = pool;
        Capacity = TcpBuffers.SizeFor(capacity);
    }

    public int Capacity { get; }

    /// <param name="sequence">The first byte's sequence number.</param>
    /// <param name="data">At most <see cref="Capacity"/> bytes.</param>
    public void Write(long sequence, ReadOnlySpan<byte> data)
    {
        _bytes ??= _pool.Rent(Capacity);
        int start = (int)sequence & (Capacity - 1);
        int untilEnd = Math.Min(data.Length, Capacity - start);
        data[..untilEnd].CopyTo(_bytes.AsSpan(start));
        data[untilEnd..].CopyTo(_bytes);
    }

    /// <param name="sequence">The first byte's sequence number.</param>
    /// <param name="destination">Receives bytes that have been written.</param>
    public void Read(long sequence, Span<byte> destination)
    {
        if (destination.Length == 0)
        {
            return;
        }

        int start = (int)sequence & (Capacity - 1);
        int untilEnd = Math.Min(destination.Length, Capacity - start);
        _bytes.AsSpan(start, untilEnd).CopyTo(destination);
        _bytes.AsSpan(0, destination.Length - untilEnd).CopyTo(destination[untilEnd..]);
    }

    /// <summary>Gives the memory back; what was in it is lost.</summary>
    public void Release()
    {
        if (_bytes is not null)
        {
            _pool.Return(_bytes);
            _bytes = null;
        }
    }
}

/// <summary>Memory of rings that are empty, kept for those that fill.</summary>
internal sealed class TcpBuffers
{
    /// <summary>The smallest and the largest size of a ring in bytes.</summary>
    public const int SmallestSize = 4 * 1024;
    public const int LargestSize = 4 * 1024 * 1024;

    /// <summary>How many bytes are kept; what is given back beyond that is the garbage collector's.</summary>
    private const int KeptBytes = 16 * 1024 * 1024;

    // A stack for each power of two.
    private readonly Stack<byte[]>?[] _free = new Stack<byte[]>?[BitOperations.Log2(LargestSize) + 1];
    private int _kept;

    public static int SizeFor(int capacity) =>
        (int)BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(capacity, SmallestSize, LargestSize));

    public byte[] Rent(int size)
    {
        Stack<byte[]>? free = _free[BitOperations.Log2((uint)size)];
        if (free is null || !free.TryPop(out byte[]? bytes))
        {
            return GC.AllocateUninitializedArray<byte>(size);
        }

        _kept -= size;
        return bytes;
    }

    public void Return(byte[] bytes)
    {
        if (_kept + bytes.Length <= KeptBytes)
        {
            _kept += bytes.Length;
            (_free[BitOperations.Log2((uint)bytes.Length)] ??= new Stack<byte[]>()).Push(bytes);
        }
    }
}
