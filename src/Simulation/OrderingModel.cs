using System;

namespace VirtioGuest.Simulation;

/// <summary>What one processor sees of what the others stored, and when.</summary>
/// <remarks>Called by one thread at a time. Offsets are aligned, sizes are 1, 2 or 4 bytes.</remarks>
internal abstract class OrderingModel
{
    /// <summary>Forgets everything; the memory holds the values at the start.</summary>
    /// <param name="length">How many bytes of the memory are in use.</param>
    internal abstract void Reset(int length);

    /// <summary>Reads.</summary>
    internal abstract uint Load(int processor, int offset, int size, bool acquires);

    /// <summary>Writes.</summary>
    internal abstract void Store(int processor, int offset, int size, uint value, bool releases);

    /// <summary>Orders every earlier access before every later one.</summary>
    internal abstract void FullBarrier(int processor);

    /// <summary>A signal leaves.</summary>
    internal abstract void Send(int processor, int signal);

    /// <summary>A signal arrives.</summary>
    internal abstract void Receive(int processor, int signal);

    /// <summary>How many processors have stores that nobody else sees yet.</summary>
    internal abstract int Buffering { get; }

    /// <summary>Lets one store be seen, of the n-th such processor.</summary>
    internal abstract void Drain(int index);

    /// <summary>Lets every store be seen, because time passes while nobody acts.</summary>
    /// <returns>Whether there was one.</returns>
    internal abstract bool Settle();

    /// <summary>What a processor must see at least: every load gives this or something newer.</summary>
    /// <param name="processor">Which.</param>
    /// <param name="view">A byte for each of the memory from its start on.</param>
    internal abstract void View(int processor, Span<byte> view);

    /// <summary>Puts the newest values into the memory.</summary>
    internal abstract void Finish();
}

/// <summary>Which order a simulated weak memory keeps.</summary>
public enum MemoryOrdering
{
    /// <summary>
    /// What acquire, release and full barriers ask for, and no more: a load may give an older value than the newest
    /// unless order forbids it.
    /// </summary>
    ReleaseAcquire = 0,

    /// <summary>
    /// What an x86 processor keeps: stores wait in a buffer, in order, and only a full barrier makes a load wait for
    /// them.
    /// </summary>
    TotalStoreOrder = 1,
}
