using System.Collections.Generic;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A machine that writes down what is done to it.</summary>
internal sealed class FakeSystem : SystemControl
{
    private volatile bool _isInterrupted;

    public override bool IsInterrupted => _isInterrupted;

    /// <summary>Types Ctrl+C.</summary>
    public void Interrupt() => _isInterrupted = true;

    public override void WatchForInterrupt() => _isInterrupted = false;

    public override void UseInterrupt() => _isInterrupted = false;

    public List<string> Calls { get; } = [];

    public List<ThreadDescription?> Threads { get; } = [];

    public List<InterruptDescription?> Interrupts { get; } = [];

    public override MemoryInfo Memory => new()
    {
        Total = 64 << 20,
        Free = 50 << 20,
        LargestFree = 32 << 20,
        Image = 4 << 20,
        Tables = 1 << 20,
        Program = 8 << 20,
        Dma = 1 << 20,
    };

    public override IReadOnlyList<MemoryRange> MemoryMap => [];

    public override bool TryGetThread(int index, out ThreadDescription? thread)
    {
        thread = index < Threads.Count ? Threads[index] : null;
        return index < Threads.Count;
    }

    public override bool TryGetInterrupt(int index, out InterruptDescription? interrupt)
    {
        interrupt = index < Interrupts.Count ? Interrupts[index] : null;
        return index < Interrupts.Count;
    }

    public override void DebugExit(byte value) => Calls.Add("exit " + value);

    public override void PowerOff() => Calls.Add("off");

    public override void Reset() => Calls.Add("reset");

    public override void Pause(uint milliseconds)
    {
    }

    public override void Crash(CrashKind kind) => Calls.Add("crash " + kind);
}
