using System;
using System.Runtime.InteropServices;

namespace VirtioGuest.Simulation;

/// <summary>
/// A piece of simulated memory as the processor and as the devices see it, with the state of the cache lines in
/// between, and guard pages around both views.
/// </summary>
/// <remarks>
/// A third copy holds what the simulation knows of the processor's view. Where the two differ, the processor has
/// written past <see cref="Hal.SharedMemory"/>, as the owner of a buffer may.
/// </remarks>
internal sealed unsafe class SimulatedRegion : IDisposable
{
    /// <summary>The size of a page in bytes.</summary>
    internal const uint PageSize = 4096;

    private const byte GuardByte = 0xA5;
    private const byte CleanLine = 1;
    private const byte DirtyLine = 2;

    private readonly CacheModel? _cache;
    private readonly DeviceRun[] _runs;
    private readonly byte* _processorBlock;
    private readonly byte* _deviceBlock;
    private readonly byte[] _known;
    private readonly byte[] _lines;
    private readonly uint _lineSize;

    /// <summary>Allocates zeroed memory.</summary>
    /// <param name="number">What messages call it.</param>
    /// <param name="length">Bytes, at least 1.</param>
    /// <param name="alignment">What the processor's addresses are aligned to, a power of two.</param>
    /// <param name="runs">Where devices see it.</param>
    /// <param name="cache">What is between the views; null where they are one.</param>
    /// <param name="isWatched">Whether it is kept whose each byte is; it is where there is a cache.</param>
    internal SimulatedRegion(
        int number, uint length, uint alignment, DeviceRun[] runs, CacheModel? cache, bool isWatched)
    {
        Number = number;
        Length = length;
        _runs = runs;
        _cache = cache;
        Guard = Math.Max(alignment, PageSize);
        _processorBlock = AllocateBlock();
        Processor = _processorBlock + Guard;
        _deviceBlock = cache is null ? null : AllocateBlock();
        Device = cache is null ? Processor : _deviceBlock + Guard;
        _lineSize = cache is null ? 1 : cache.LineSize;
        LineCount = cache is null ? 0 : ((length - 1) / _lineSize) + 1;
        _lines = new byte[LineCount];
        _known = cache is null ? [] : new byte[length];
        IsWatched = isWatched;
        Owners = isWatched ? new byte[length] : [];
    }

    /// <summary>What messages call the region.</summary>
    internal int Number { get; }

    /// <summary>The size in bytes.</summary>
    internal uint Length { get; }

    /// <summary>The processor's view.</summary>
    internal byte* Processor { get; }

    /// <summary>The devices' view: memory itself.</summary>
    internal byte* Device { get; }

    /// <summary>How many bytes lie before and after each view for nobody to touch.</summary>
    internal uint Guard { get; }

    /// <summary>What is between the views; null where they are one.</summary>
    internal CacheModel? Cache => _cache;

    /// <summary>How many cache lines the region has; 0 where its views are one.</summary>
    internal uint LineCount { get; }

    /// <summary>Whether it is kept whose each byte is.</summary>
    internal bool IsWatched { get; }

    /// <summary>What each byte is handed over for, kept by <see cref="OwnershipAuditor"/>.</summary>
    internal byte[] Owners { get; }

    /// <summary>Whether the memory was given back.</summary>
    internal bool IsGone { get; set; }

    /// <summary>Where devices see the region, in its order.</summary>
    internal ReadOnlySpan<DeviceRun> Runs => _runs;

    /// <summary>Finds bytes that are contiguous for a device.</summary>
    internal bool TryFind(ulong deviceAddress, ulong length, out uint offset)
    {
        foreach (DeviceRun run in _runs)
        {
            ulong inside = deviceAddress - run.DeviceAddress;
            if (deviceAddress >= run.DeviceAddress && inside < run.Length && length <= run.Length - inside)
            {
                offset = run.Offset + (uint)inside;
                return true;
            }
        }

        offset = 0;
        return false;
    }

    /// <summary>
    /// Where a pointer is relative to a view, or -1 where it is neither in the view nor in its guard pages.
    /// </summary>
    internal long Place(byte* view, byte* address, out bool isGuard)
    {
        long place = address - view;
        isGuard = place < 0 || place >= Length;
        return place >= -(long)Guard && place < Length + Guard ? (isGuard ? 0 : place) : -1;
    }

    /// <summary>Finds the bytes of a range that the processor wrote past the accessors, one after another.</summary>
    internal bool TryFindUnknown(uint offset, uint length, out uint found)
    {
        ReadOnlySpan<byte> processor = new ReadOnlySpan<byte>(Processor + offset, (int)length);
        int same = processor.CommonPrefixLength(_known.AsSpan((int)offset, (int)length));
        found = offset + (uint)same;
        return same < (int)length;
    }

    /// <summary>Whether a line differs from memory.</summary>
    internal bool IsDirty(uint line) => _lines[line] == DirtyLine;

    /// <summary>Fills a line from memory, if it is empty.</summary>
    internal void Fill(uint line)
    {
        if (_lines[line] == 0)
        {
            CopyFromMemory(line * _lineSize, LengthOf(line));
            _lines[line] = CleanLine;
        }
    }

    /// <summary>Writes a line to memory as a whole, if it is dirty.</summary>
    internal void WriteBack(uint line)
    {
        if (_lines[line] == DirtyLine)
        {
            uint offset = line * _lineSize;
            new ReadOnlySpan<byte>(Processor + offset, LengthOf(line)).CopyTo(new Span<byte>(
                Device + offset, LengthOf(line)));
            _lines[line] = CleanLine;
        }
    }

    /// <summary>Drops a line: from now on the processor sees memory.</summary>
    internal void Empty(uint line)
    {
        _lines[line] = 0;
        CopyFromMemory(line * _lineSize, LengthOf(line));
    }

    /// <summary>Notes that the lines of a range differ from memory.</summary>
    internal void MarkDirty(uint offset, uint length)
    {
        for (uint line = offset / _lineSize; line <= (offset + length - 1) / _lineSize; line++)
        {
            _lines[line] = DirtyLine;
        }
    }

    /// <summary>Writes what the processor sees.</summary>
    internal void StoreInCache(uint offset, ReadOnlySpan<byte> bytes)
    {
        bytes.CopyTo(new Span<byte>(Processor + offset, bytes.Length));
        bytes.CopyTo(_known.AsSpan((int)offset));
    }

    /// <summary>Writes what devices see.</summary>
    internal void StoreInMemory(uint offset, ReadOnlySpan<byte> bytes) =>
        bytes.CopyTo(new Span<byte>(Device + offset, bytes.Length));

    /// <summary>Shows the processor what memory holds, wherever no line hides it.</summary>
    internal void Refresh(uint offset, uint length)
    {
        uint end = offset + length;
        while (offset < end)
        {
            uint line = offset / _lineSize;
            uint part = Math.Min(end, (line + 1) * _lineSize) - offset;
            if (_lines[line] == 0)
            {
                CopyFromMemory(offset, (int)part);
            }

            offset += part;
        }
    }

    /// <summary>Whether the guard pages are as they were.</summary>
    internal bool HasIntactGuards() => IsIntact(Processor) && IsIntact(Device);

    /// <inheritdoc/>
    public void Dispose()
    {
        NativeMemory.AlignedFree(_processorBlock);
        if (_deviceBlock is not null)
        {
            NativeMemory.AlignedFree(_deviceBlock);
        }
    }

    private static bool IsIntact(byte* guard, uint length) =>
        new ReadOnlySpan<byte>(guard, (int)length).IndexOfAnyExcept(GuardByte) < 0;

    private bool IsIntact(byte* view) => IsIntact(view - Guard, Guard) && IsIntact(view + Length, Guard);

    private int LengthOf(uint line) => (int)Math.Min(_lineSize, Length - (line * _lineSize));

    /// <summary>Shows the processor memory, but for bytes that it wrote and nobody has noticed yet.</summary>
    private void CopyFromMemory(uint offset, int length)
    {
        if (TryFindUnknown(offset, (uint)length, out _))
        {
            for (uint i = offset; i < offset + (uint)length; i++)
            {
                if (Processor[i] == _known[i])
                {
                    Processor[i] = _known[i] = Device[i];
                }
            }

            return;
        }

        ReadOnlySpan<byte> memory = new ReadOnlySpan<byte>(Device + offset, length);
        memory.CopyTo(new Span<byte>(Processor + offset, length));
        memory.CopyTo(_known.AsSpan((int)offset));
    }

    private byte* AllocateBlock()
    {
        nuint size = Length + (2 * (nuint)Guard);
        byte* block = (byte*)NativeMemory.AlignedAlloc(size, Guard);
        NativeMemory.Fill(block, size, GuardByte);
        NativeMemory.Clear(block + Guard, Length);
        return block;
    }
}

/// <summary>A part of a region that is contiguous for devices.</summary>
/// <param name="DeviceAddress">Where devices see it.</param>
/// <param name="Offset">Where it starts in the region.</param>
/// <param name="Length">Its size in bytes.</param>
internal readonly record struct DeviceRun(ulong DeviceAddress, uint Offset, uint Length);
