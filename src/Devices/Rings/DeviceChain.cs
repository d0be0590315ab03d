using System;
using System.Collections.Generic;
using System.Runtime.InteropServices;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Devices.Rings;

/// <summary>A buffer that a device has taken from a ring: checked, and wholly in memory that it may access.</summary>
/// <remarks>Valid until it is published as used; then its object serves another buffer.</remarks>
public sealed class DeviceChain
{
    private readonly GuestMemory _memory;
    private readonly List<ChainElement> _elements = new List<ChainElement>();
    private int _readableCount;

    internal DeviceChain(GuestMemory memory)
    {
        _memory = memory;
    }

    /// <summary>The buffer ID of a packed ring; the head's index of a split one.</summary>
    public ushort Id { get; internal set; }

    /// <summary>How many descriptors of a packed ring it occupies; 1 in a split ring.</summary>
    public int Slots { get; internal set; }

    /// <summary>Which buffer of the queue it is in the order of availability, from 0.</summary>
    public ulong Sequence { get; internal set; }

    /// <summary>Whether it was described by an indirect table.</summary>
    public bool IsIndirect { get; internal set; }

    /// <summary>All elements, in order.</summary>
    public ReadOnlySpan<ChainElement> Elements => CollectionsMarshal.AsSpan(_elements);

    /// <summary>The elements that the device reads.</summary>
    public ReadOnlySpan<ChainElement> Readable => Elements[.._readableCount];

    /// <summary>The elements that the device writes.</summary>
    public ReadOnlySpan<ChainElement> Writable => Elements[_readableCount..];

    /// <summary>How many bytes there are to read.</summary>
    public ulong ReadableLength { get; private set; }

    /// <summary>How many bytes may be written.</summary>
    public ulong WritableLength { get; private set; }

    internal bool IsInFlight { get; set; }

    /// <summary>
    /// Copies bytes that the driver provided, however they are spread over elements (virtio 1.4, 2.7.4).
    /// </summary>
    /// <param name="offset">The first byte within the readable part.</param>
    /// <param name="into">As many as wanted.</param>
    /// <returns>Whether the readable part holds them all and the memory is still there.</returns>
    public bool TryRead(ulong offset, Span<byte> into)
    {
        if (offset > ReadableLength || (ulong)into.Length > ReadableLength - offset)
        {
            return false;
        }

        foreach (ChainElement element in Readable)
        {
            if (offset >= element.Length)
            {
                offset -= element.Length;
                continue;
            }

            int count = (int)Math.Min(element.Length - offset, (ulong)into.Length);
            if (!_memory.TryRead(element.Address + offset, into[..count]))
            {
                return false;
            }

            into = into[count..];
            offset = 0;
        }

        return true;
    }

    /// <summary>Copies bytes to where the driver wants them.</summary>
    /// <param name="offset">The first byte within the writable part.</param>
    /// <param name="from">What to write.</param>
    /// <returns>Whether the writable part has room for them all and the memory is still there.</returns>
    public bool TryWrite(ulong offset, ReadOnlySpan<byte> from)
    {
        if (offset > WritableLength || (ulong)from.Length > WritableLength - offset)
        {
            return false;
        }

        foreach (ChainElement element in Writable)
        {
            if (offset >= element.Length)
            {
                offset -= element.Length;
                continue;
            }

            int count = (int)Math.Min(element.Length - offset, (ulong)from.Length);
            if (!_memory.TryWrite(element.Address + offset, from[..count]))
            {
                return false;
            }

            from = from[count..];
            offset = 0;
        }

        return true;
    }

    internal void Clear()
    {
        _elements.Clear();
        _readableCount = 0;
        ReadableLength = 0;
        WritableLength = 0;
        IsIndirect = false;
        IsInFlight = false;
    }

    /// <summary>Checks one more element and takes it.</summary>
    internal QueueError Add(ChainElement element, int limit)
    {
        if (_elements.Count == limit)
        {
            return QueueError.ChainTooLong;
        }

        if (element.Length == 0)
        {
            return QueueError.ZeroLength;
        }

        if (!element.IsWritable && _readableCount != _elements.Count)
        {
            return QueueError.ReadableAfterWritable;
        }

        // The driver keeps a whole chain within 2^32 bytes (virtio 1.4, 2.7.5.2); used lengths could not tell of more.
        if (ReadableLength + WritableLength + element.Length > 1UL << 32)
        {
            return QueueError.TooManyBytes;
        }

        GuestAccess access = element.IsWritable ? GuestAccess.Write : GuestAccess.Read;
        if (!_memory.IsReachable(element.Address, element.Length, access))
        {
            return QueueError.BufferUnreachable;
        }

        _elements.Add(element);
        if (element.IsWritable)
        {
            WritableLength += element.Length;
        }
        else
        {
            ReadableLength += element.Length;
            _readableCount++;
        }

        return QueueError.None;
    }
}

/// <summary>One contiguous element of a buffer.</summary>
/// <param name="Address">Where the device finds it.</param>
/// <param name="Length">Its size in bytes, at least 1.</param>
/// <param name="IsWritable">Whether the device may write it, and then not read it.</param>
public readonly record struct ChainElement(ulong Address, uint Length, bool IsWritable);
