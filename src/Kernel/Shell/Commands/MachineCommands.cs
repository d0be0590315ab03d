using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Reports;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Kernel.SelfTest;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>threads</c>: the threads, and the interrupts that wake some of them.</summary>
internal sealed class ThreadsCommand : Command
{
    private const int NameWidth = 32;
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly SystemControl _system;

    public ThreadsCommand(SystemControl system)
        : base("threads", "show threads and interrupts")
    {
        _system = system;
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        shell.Output.WriteLine("  id name                            state       cpu ms   switches  interrupt wakes");
        for (int index = 0; _system.TryGetThread(index, out ThreadDescription? thread); index++)
        {
            if (thread is not null)
            {
                shell.Output.WriteLine(
                    Column.Right(thread.Id, 4) + " " + Column.Left(thread.Name, NameWidth)
                    + Column.Left(thread.State, 10) + Column.Right(thread.CpuNanoseconds / NanosecondsPerMillisecond, 8)
                    + Column.Right(thread.Switches, 11) + Column.Right(thread.InterruptWakes, 17));
            }
        }

        shell.Output.WriteLine("vec  interrupt                       source       count");
        for (int index = 0; _system.TryGetInterrupt(index, out InterruptDescription? interrupt); index++)
        {
            if (interrupt is not null)
            {
                shell.Output.WriteLine(
                    Column.Right(interrupt.Vector, 4) + " " + Column.Left(interrupt.Name, NameWidth)
                    + Column.Left(interrupt.Source, 9) + Column.Right(interrupt.Count, 9)
                    + (interrupt.IsAbandoned ? "  masked: nobody claims it" : interrupt.IsPolled ? "  polled" : ""));
            }
        }

        return CommandResult.Success;
    }
}

/// <summary><c>mem</c>: what the memory is used for.</summary>
internal sealed class MemoryCommand : Command
{
    private readonly SystemControl _system;
    private readonly DeviceInventory _devices;

    public MemoryCommand(SystemControl system, DeviceInventory devices)
        : base("mem", "show what the memory is used for")
    {
        _system = system;
        _devices = devices;
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        MemoryInfo memory = _system.Memory;
        Show(shell.Output, "total", memory.Total);
        Show(shell.Output, "above 4 GiB", memory.TotalAbove4G);
        Show(shell.Output, "used", memory.Total - memory.Free);
        Show(shell.Output, "  kernel image", memory.Image);
        Show(shell.Output, "  libos tables", memory.Tables);
        Show(shell.Output, "  program", memory.Program);
        Show(shell.Output, "  devices", memory.Dma);
        Show(shell.Output, "  quarantined", memory.Quarantined);
        foreach (VirtioDevice device in _devices.VirtioDevices)
        {
            ulong quarantined = device.Describe().QuarantinedBytes;
            if (quarantined != 0)
            {
                Show(shell.Output, "    by " + device.Name, quarantined);
            }
        }

        Show(shell.Output, "free", memory.Free);
        Show(shell.Output, "largest free", memory.LargestFree);
        Show(shell.Output, "managed heap", (ulong)GC.GetTotalMemory(forceFullCollection: false));
        shell.Output.WriteLine(
            Column.Left("collections:", 16)
            + $"{GC.CollectionCount(0)} of generation 0, {GC.CollectionCount(1)} of 1, {GC.CollectionCount(2)} of 2");
        return CommandResult.Success;
    }

    private static void Show(TextOutput output, string name, ulong bytes) =>
        output.WriteLine(Column.Left(name + ":", 16) + Column.Right(bytes, 12) + "  " + ByteCount.Format(bytes));
}

/// <summary><c>stress registers SECONDS</c>: looks for registers that a thread loses while others run.</summary>
internal sealed class StressRegistersCommand : Command
{
    private const ulong MaximumSeconds = 1_000_000;

    public StressRegistersCommand()
        : base("stress registers SECONDS", "keep patterns in registers while threads, faults and interrupts come")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 2 || arguments[0] != "registers"
            || !Number.TryParse(arguments[1], out ulong seconds) || seconds is 0 or > MaximumSeconds)
        {
            return CommandResult.WrongArguments;
        }

        string? failure = RegisterStress.Run(TimeSpan.FromSeconds(seconds), out ulong rounds);
        if (failure is not null)
        {
            return CommandResult.Failure(failure);
        }

        shell.Output.WriteLine($"every register was kept, {rounds} rounds in {seconds} s");
        return CommandResult.Success;
    }
}

/// <summary><c>crash KIND</c>: fails on purpose, so that the report can be looked at.</summary>
internal sealed class CrashCommand : Command
{
    private const int BlockLength = 64 * 1024;

    private readonly SystemControl _system;

    public CrashCommand(SystemControl system)
        : base("crash KIND", "fail on purpose: exception, overflow, memory, libos, trap or frames")
    {
        _system = system;
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 1)
        {
            return CommandResult.WrongArguments;
        }

        switch (arguments[0])
        {
            case "exception":
                throw new InvalidOperationException("asked for by the crash command");
            case "overflow":
                Recurse(0);
                break;
            case "memory":
                UseUpMemory();
                break;
            case "libos":
                _system.Crash(CrashKind.LibOsFault);
                break;
            case "trap":
                _system.Crash(CrashKind.UnknownTrap);
                break;
            case "frames":
                _system.Crash(CrashKind.OutOfFrames);
                break;
            default:
                return CommandResult.WrongArguments;
        }

        return CommandResult.Failure("the machine survived");
    }

    // The addition after the call keeps the compiler from making a loop of it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Recurse(int depth) => depth == int.MaxValue ? 0 : Recurse(depth + 1) + 1;

    private static void UseUpMemory()
    {
        var blocks = new List<byte[]>();
        while (true)
        {
            blocks.Add(new byte[BlockLength]);
        }
    }
}
