using System;
using System.Collections.Generic;
using VirtioGuest.Commands;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The machine as a whole: its statistics, its switches, and ways to break it.</summary>
internal abstract class SystemControl : CommandSystem
{
    /// <summary>Raised before the machine goes down; handlers return in bounded time.</summary>
    public event Action? GoesDown;

    /// <summary>Where the memory is.</summary>
    public abstract MemoryInfo Memory { get; }

    /// <summary>The firmware's memory map.</summary>
    public abstract IReadOnlyList<MemoryRange> MemoryMap { get; }

    /// <summary>Thread slot <paramref name="index"/>; false past the last. An unused slot gives null.</summary>
    public abstract bool TryGetThread(int index, out ThreadDescription? thread);

    /// <summary>Interrupt slot <paramref name="index"/>; false past the last. An unused slot gives null.</summary>
    public abstract bool TryGetInterrupt(int index, out InterruptDescription? interrupt);

    /// <inheritdoc/>
    public sealed override void Settle() => GoesDown?.Invoke();

    /// <summary>Fails inside LibOS.</summary>
    public abstract void Crash(CrashKind kind);
}

/// <summary>A thread, for people.</summary>
/// <param name="Id">Its number.</param>
/// <param name="Name">Its name; empty where it has none.</param>
/// <param name="State">What it is doing, in a word.</param>
/// <param name="CpuNanoseconds">Processor time used.</param>
/// <param name="Switches">How often it was given the processor.</param>
/// <param name="InterruptWakes">How often an interrupt woke it.</param>
internal sealed record ThreadDescription(
    uint Id,
    string Name,
    string State,
    ulong CpuNanoseconds,
    ulong Switches,
    ulong InterruptWakes);

/// <summary>An interrupt that someone holds, for people.</summary>
/// <param name="Name">Who holds it.</param>
/// <param name="Source">How it comes: a message, or a line with its number.</param>
/// <param name="Vector">The processor's vector.</param>
/// <param name="Count">How often it came.</param>
/// <param name="IsAbandoned">Whether its line was masked, because nobody claimed its interrupts.</param>
/// <param name="IsPolled">Whether the line's interrupts do not come, so that its devices are polled.</param>
internal sealed record InterruptDescription(
    string Name, string Source, uint Vector, ulong Count, bool IsAbandoned, bool IsPolled);
