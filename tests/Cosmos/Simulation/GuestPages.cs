using System.Collections.Generic;
using System.Linq;
using System.Runtime.InteropServices;
using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>
/// Memory as a machine without paging has it: devices see it where this process does, and nothing but what was
/// allocated.
/// </summary>
internal sealed unsafe class GuestPages : GuestMemory, System.IDisposable
{
    private const uint PageLength = 4096;

    private readonly Dictionary<ulong, ulong> _pages = [];
    private readonly List<(ulong Start, ulong Length)> _arrays = [];

    /// <summary>How many pages can still be allocated.</summary>
    public uint Left { get; set; } = uint.MaxValue;

    /// <summary>How many allocations are in use.</summary>
    public int InUse => _pages.Count;

    public byte* Allocate(uint count)
    {
        if (count > Left)
        {
            return null;
        }

        Left -= count;
        nuint bytes = (nuint)count * PageLength;
        byte* pages = (byte*)NativeMemory.AlignedAlloc(bytes, PageLength);
        NativeMemory.Clear(pages, bytes);
        _pages.Add((ulong)pages, bytes);
        return pages;
    }

    public void Free(byte* pages)
    {
        if (!_pages.Remove((ulong)pages))
        {
            throw new System.InvalidOperationException("pages were freed that were not allocated");
        }

        NativeMemory.AlignedFree(pages);
    }

    /// <summary>Allocates an array that devices reach; like all objects under Cosmos, it never moves.</summary>
    public byte[] AllocateArray(int length)
    {
        byte[] array = System.GC.AllocateArray<byte>(length, pinned: true);
        _arrays.Add(((ulong)Marshal.UnsafeAddrOfPinnedArrayElement(array, 0), (ulong)length));
        return array;
    }

    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
    {
        bool isKnown = length != 0
            && (_pages.Any(each => Holds(each.Key, each.Value, deviceAddress, length))
                || _arrays.Exists(each => Holds(each.Start, each.Length, deviceAddress, length)));
        pointer = isKnown ? (byte*)deviceAddress : null;
        return isKnown;
    }

    public void Dispose()
    {
        foreach (ulong pages in _pages.Keys)
        {
            NativeMemory.AlignedFree((void*)pages);
        }

        _pages.Clear();
    }

    private static bool Holds(ulong start, ulong size, ulong address, ulong length) =>
        address >= start && address - start < size && length <= size - (address - start);
}
