using System;

namespace VirtioGuest.Net.Protocols;

/// <summary>Memory for the bytes of fragments, in chunks that datagrams share.</summary>
internal sealed class FragmentChunks
{
    /// <summary>The size of a chunk in bytes.</summary>
    public const int Length = 2048;

    /// <summary>Stands for a chunk that a datagram does not have.</summary>
    public const int None = -1;

    private readonly byte[] _bytes;
    private readonly int[] _free;
    private int _freeCount;

    /// <summary>Creates a number of free chunks.</summary>
    public FragmentChunks(int count)
    {
        _bytes = new byte[count * Length];
        _free = new int[count];
        for (int chunk = 0; chunk < count; chunk++)
        {
            _free[_freeCount++] = chunk;
        }
    }

    /// <summary>Writes to the place of a datagram, taking chunks that are missing.</summary>
    /// <returns>Whether there were enough; if not, those that were taken stay with the datagram.</returns>
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

    /// <summary>Whether a datagram has these bytes at a place that is filled.</summary>
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

    /// <summary>Takes all chunks of a datagram back.</summary>
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
