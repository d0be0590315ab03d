using System;
using System.Collections.Generic;
using System.Text;
using System.Threading;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Machine;

/// <summary>The machine as LibOS knows it.</summary>
internal sealed unsafe class LibOsSystemControl : SystemControl
{
    private readonly LibOsInput _input;
    private ulong _interruptsBefore;

    /// <summary>Creates the machine's switches.</summary>
    /// <param name="input">What is typed.</param>
    public LibOsSystemControl(LibOsInput input)
    {
        _input = input;
    }

    /// <inheritdoc/>
    public override bool IsInterrupted => LibOsCalls.CountConsoleInterrupts() != _interruptsBefore;

    /// <inheritdoc/>
    public override MemoryInfo Memory
    {
        get
        {
            MemoryInfo info;
            LibOsError.ThrowIfError(LibOsCalls.GetMemoryInfo(&info), "libos_memory_info");
            return info;
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<MemoryRange> MemoryMap
    {
        get
        {
            var map = new List<MemoryRange>();
            MemoryRange range;
            long result;
            while ((result = LibOsCalls.GetMemoryRange((ulong)map.Count, &range)) != LibOsError.NoEntry)
            {
                LibOsError.ThrowIfError(result, "libos_memory_range");
                map.Add(range);
            }

            return map;
        }
    }

    /// <inheritdoc/>
    public override bool TryGetThread(int index, out ThreadDescription? thread)
    {
        thread = null;
        ThreadInfo info;
        long result = LibOsCalls.GetThreadInfo((ulong)index, &info);
        if (result == LibOsError.NoEntry)
        {
            return false;
        }

        LibOsError.ThrowIfError(result, "libos_thread_info");
        if (info.Id != 0)
        {
            string name = Name(info.Name, ThreadInfo.NameLength);
            thread = new ThreadDescription(
                info.Id, name, StateName(info.State), info.CpuNanoseconds, info.Switches, info.InterruptWakes);
        }

        return true;
    }

    /// <inheritdoc/>
    public override bool TryGetInterrupt(int index, out InterruptDescription? interrupt)
    {
        interrupt = null;
        InterruptInfo info;
        long result = LibOsCalls.GetInterruptInfo((ulong)index, &info);
        if (result == LibOsError.NoEntry)
        {
            return false;
        }

        LibOsError.ThrowIfError(result, "libos_interrupt_info");
        if (info.Kind != InterruptKind.None)
        {
            string source = info.Kind == InterruptKind.Message ? "message" : "line " + info.Line.ToString();
            interrupt = new InterruptDescription(
                Name(info.Name, InterruptInfo.NameLength),
                source,
                info.Vector,
                info.Count,
                info.IsAbandoned != 0,
                info.IsPolled != 0);
        }

        return true;
    }

    /// <inheritdoc/>
    public override void WatchForInterrupt() => _interruptsBefore = LibOsCalls.CountConsoleInterrupts();

    /// <inheritdoc/>
    public override void UseInterrupt() => _input.UseInterrupt();

    /// <inheritdoc/>
    public override void DebugExit(byte value) => LibOsCalls.DebugExit(value);

    /// <inheritdoc/>
    public override void PowerOff() => LibOsCalls.PowerOff();

    /// <inheritdoc/>
    public override void Reset() => LibOsCalls.Reset();

    /// <inheritdoc/>
    public override void Pause(uint milliseconds) => Thread.Sleep(TimeSpan.FromMilliseconds(milliseconds));

    /// <inheritdoc/>
    public override void Crash(CrashKind kind) => LibOsCalls.Crash(kind);

    private static string Name(byte* text, int capacity)
    {
        var field = new ReadOnlySpan<byte>(text, capacity);
        int end = field.IndexOf((byte)0);
        return Encoding.UTF8.GetString(end < 0 ? field : field[..end]);
    }

    private static string StateName(ThreadInfoState state) => state switch
    {
        ThreadInfoState.Ready => "ready",
        ThreadInfoState.Futex => "futex",
        ThreadInfoState.Sleeping => "sleep",
        ThreadInfoState.Interrupt => "interrupt",
        ThreadInfoState.Console => "console",
        ThreadInfoState.Pipe => "pipe",
        ThreadInfoState.Output => "output",
        _ => "state " + ((uint)state).ToString(),
    };
}
