using System;

namespace VirtioGuest.Net.Protocols;

/// <summary>Memory for the bytes of fragments, in chunks that all datagrams draw on.</summary>
internal sealed class FragmentChunks
{
    /// <summary>The size of a chunk in bytes.</summary>
    public const int Length = 2048;

    /// <summary>Marks a place in a datagram without a chunk.</summary>
    public const int None = -1;

    private readonly byte[] _bytes;
    private readonly int[] _free;
    private int _freeCount;

    public FragmentChunks(int count)
    {
        _bytes = new byte[count * Length];
        _free = new int[count];
        for (int chunk = 0; chunk < count; chunk++)
        {
            _free[_freeCount++] = chunk;
        }
    }

    /// <summary>Writes part of a datagram, and takes the chunks that it needs.</summary>
    /// <returns>Whether there were enough; if not, the datagram keeps those that were taken.</returns>
    public bool TryWrite(Span<int> chunks, int offset, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            ref int chunk = ref chunks[offset / Length];
            if (chunk == None && _freeCount == 0)
            {
                return false;
            }

            chunk = chunk == None ? _free[--_freeCount] : chunk;
            Span<byte> room = At(chunk, offset);
            ReadOnlySpan<byte> part = data[..Math.Min(room.Length, data.Length)];
            part.CopyTo(room);
            data = data[part.Length..];
            offset += part.Length;
        }

        return true;
    }

    /// <summary>Whether a datagram has these bytes at an offset where all have been written.</summary>
    public bool IsEqual(ReadOnlySpan<int> chunks, int offset, ReadOnlySpan<byte> data)
    {
        while (data.Length > 0)
        {
            Span<byte> there = At(chunks[offset / Length], offset);
            int length = Math.Min(there.Length, data.Length);
            if (!data[..length].SequenceEqual(there[..length]))
            {
                return false;
            }

            data = data[length..];
            offset += length;
        }

        return true;
    }

    /// <summary>Reads a datagram from its start.</summary>
    public void Read(ReadOnlySpan<int> chunks, Span<byte> destination)
    {
        for (int index = 0; destination.Length > 0; index++)
        {
            Span<byte> part = At(chunks[index], 0);
            part = part[..Math.Min(part.Length, destination.Length)];
            part.CopyTo(destination);
            destination = destination[part.Length..];
        }
    }

    /// <summary>Takes back all chunks of a datagram.</summary>
    public void Release(Span<int> chunks)
    {
        foreach (ref int chunk in chunks)
        {
            if (chunk != None)
            {
                _free[_freeCount++] = chunk;
                chunk = None;
            }
        }
    }

    private Span<byte> At(int chunk, int offset)
    {
        int start = offset % Length;
        return _bytes.AsSpan((chunk * Length) + start, Length - start);
    }
}
