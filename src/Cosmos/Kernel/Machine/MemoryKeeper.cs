using System;
using Cosmos.Core.Memory;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>
/// Keeps memory from running out: Cosmos' heap frees nothing unless it is told to, and where there is nothing left it
/// stops the machine without a word.
/// </summary>
/// <remarks>
/// <para>
/// Its collector takes what looks like a reference on the stack for one, and writes to what that points at. So it is
/// called between commands only, where the stack holds no pointer into an object.
/// </para>
/// <para>
/// Nor does it follow what an array refers to, but for small objects: a long string that only a list has would be
/// freed. So there is no collecting once a line of such a length was read.
/// </para>
/// </remarks>
internal sealed class MemoryKeeper
{
    /// <summary>How many characters of a line make a string that the collector does not find in an array.</summary>
    internal const int LongLine = 480;

    /// <summary>How many pages are used up before it is worth while to look for garbage: 8 MiB.</summary>
    internal const uint Step = 2048;

    /// <summary>What has to be left to say in words that memory runs out: 2 MiB.</summary>
    internal const uint Reserve = 512;

    private readonly HeapPages _heap;
    private uint _leftByCollector;
    private bool _hasLongLine;
    private bool _hasRunOut;

    /// <summary>Looks after a heap.</summary>
    internal MemoryKeeper(HeapPages heap)
    {
        _heap = heap;
        _leftByCollector = heap.Free;
    }

    /// <summary>Takes note of lines that will be held on to as commands, or in a history.</summary>
    /// <param name="length">How many characters the longest of them has.</param>
    internal void NoteLine(int length) => _hasLongLine |= length >= LongLine;

    /// <summary>Frees memory, if enough was used up since the last time. Between commands only.</summary>
    internal void Tidy()
    {
        uint free = _heap.Free;
        bool isWorthWhile = _leftByCollector > Step && free <= _leftByCollector - Step;
        if (!_hasLongLine && (isWorthWhile || free < Step))
        {
            _heap.Collect();
            _leftByCollector = _heap.Free;
            _hasRunOut &= _leftByCollector < Reserve;
        }
    }

    /// <summary>Ends what is being done where hardly any memory is left for it.</summary>
    /// <exception cref="InsufficientMemoryException">
    /// So it is. It is thrown once until there is memory again: the reserve is for what follows.
    /// </exception>
    internal void Check()
    {
        uint free = _heap.Free;
        if (free < Reserve && !_hasRunOut)
        {
            _hasRunOut = true;
            throw new InsufficientMemoryException(
                "memory has run out: " + DecimalText.Of(free * (HeapPages.PageLength / 1024))
                + " KiB are left; give the machine more, or run fewer commands");
        }
    }
}

/// <summary>The memory that objects live in, as the kit below has it.</summary>
internal abstract class HeapPages
{
    /// <summary>The size of a page in bytes.</summary>
    internal const uint PageLength = 4096;

    /// <summary>How many pages nobody uses.</summary>
    public abstract uint Free { get; }

    /// <summary>Frees the objects that nobody refers to.</summary>
    public abstract void Collect();
}

/// <summary>Cosmos' heap.</summary>
internal sealed class CosmosHeap : HeapPages
{
    public override uint Free => RAT.FreePageCount;

    public override void Collect() => Heap.Collect();
}
