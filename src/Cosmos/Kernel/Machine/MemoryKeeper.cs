using System;
using Cosmos.Core.Memory;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>
/// Keeps memory from running out: Cosmos' heap frees nothing until it is told to, and stops the machine without a word
/// when nothing is left.
/// </summary>
/// <remarks>
/// <para>
/// The collector takes everything on the stack that looks like a reference for one, and writes to where it points. So
/// it is called only between commands, when the stack holds no pointer into an object.
/// </para>
/// <para>
/// It does not follow references in arrays except to small objects: a long string that only a list refers to would be
/// freed. So there is no collection any more once a line of that length has been read.
/// </para>
/// </remarks>
internal sealed class MemoryKeeper
{
    /// <summary>A line of that many characters is a string that the collector does not find in an array.</summary>
    internal const int LongLine = 480;

    /// <summary>How many pages are used up before a collection is worth its time: 8 MiB.</summary>
    internal const uint Step = 2048;

    /// <summary>How many pages it may take to report that memory has run out: 2 MiB.</summary>
    internal const uint Reserve = 512;

    private readonly HeapPages _heap;
    private uint _leftByCollector;
    private bool _hasLongLine;
    private bool _hasRunOut;

    internal MemoryKeeper(HeapPages heap)
    {
        _heap = heap;
        _leftByCollector = heap.Free;
    }

    /// <summary>To be called with the length of every line that is kept, as a command or in the history.</summary>
    internal void NoteLine(int length) => _hasLongLine |= length >= LongLine;

    /// <summary>Collects if enough was used up since the last time. To be called between commands only.</summary>
    internal void Tidy()
    {
        uint free = _heap.Free;
        bool isDue = _leftByCollector > Step && free <= _leftByCollector - Step;
        if (!_hasLongLine && (isDue || free < Step))
        {
            _heap.Collect();
            _leftByCollector = _heap.Free;
            _hasRunOut &= _leftByCollector < Reserve;
        }
    }

    /// <summary>Ends the command that runs when hardly any memory is left.</summary>
    /// <exception cref="InsufficientMemoryException">
    /// Only the reserve is left. Thrown once until there is memory again, so that the report can use the reserve.
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

/// <summary>The pages of Cosmos' heap.</summary>
internal abstract class HeapPages
{
    /// <summary>The size of a page in bytes.</summary>
    internal const uint PageLength = 4096;

    /// <summary>How many pages are free.</summary>
    public abstract uint Free { get; }

    public abstract void Collect();
}

internal sealed class CosmosHeap : HeapPages
{
    public override uint Free => RAT.FreePageCount;

    public override void Collect() => Heap.Collect();
}
