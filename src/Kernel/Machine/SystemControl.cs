using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The machine as a whole: its statistics, its switches, and ways to break it.</summary>
internal abstract class SystemControl : CommandSystem
{
    /// <summary>Where the memory is.</summary>
    public abstract MemoryInfo Memory { get; }

    /// <summary>The firmware's memory map.</summary>
    public abstract IReadOnlyList<MemoryRange> MemoryMap { get; }

    /// <summary>Thread slot <paramref name="index"/>; false past the last. An unused slot gives null.</summary>
    public abstract bool TryGetThread(int index, out ThreadDescription? thread);

    /// <summary>Interrupt slot <paramref name="index"/>; false past the last. An unused slot gives null.</summary>
    public abstract bool TryGetInterrupt(int index, out InterruptDescription? interrupt);

    /// <summary>Fails inside LibOS.</summary>
    public abstract void Crash(CrashKind kind);
}
