using System.Collections.Generic;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The machine as a whole: its statistics, its switches, and ways to break it.</summary>
internal abstract class SystemControl
{
    /// <summary>Where the memory is.</summary>
    public abstract MemoryInfo Memory { get; }

    /// <summary>The firmware's memory map.</summary>
    public abstract IReadOnlyList<MemoryRange> MemoryMap { get; }

    /// <summary>Thread slot <paramref name="index"/>; false past the last. An unused slot gives null.</summary>
    public abstract bool TryGetThread(int index, out ThreadDescription? thread);

    /// <summary>Interrupt slot <paramref name="index"/>; false past the last. An unused slot gives null.</summary>
    public abstract bool TryGetInterrupt(int index, out InterruptDescription? interrupt);

    /// <summary>Ends QEMU with exit status <c>value * 2 + 1</c>; returns where the exit device is absent.</summary>
    public abstract void DebugExit(byte value);

    /// <summary>Switches the machine off, or resets it where it cannot be switched off.</summary>
    public abstract void PowerOff();

    /// <summary>Resets the machine.</summary>
    public abstract void Reset();

    /// <summary>Fails inside LibOS.</summary>
    public abstract void Crash(CrashKind kind);
}
