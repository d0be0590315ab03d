using Cosmos.Core;
using Cosmos.System;
using VirtioGuest.Commands;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Kernel.Machine;

/// <summary>What commands may do to the machine.</summary>
internal sealed class KernelSystem : CommandSystem
{
    /// <summary>Where QEMU's exit device is (<c>isa-debug-exit,iobase=0xf4</c>).</summary>
    private const ushort ExitPort = 0xF4;

    private const byte FailedExit = 0x11;
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly PortSpace _ports;
    private readonly MonotonicClock _clock;
    private readonly MachineSwitches _switches;
    private readonly MemoryKeeper _memory;

    internal KernelSystem(PortSpace ports, MonotonicClock clock, MachineSwitches switches, MemoryKeeper memory)
    {
        _ports = ports;
        _clock = clock;
        _switches = switches;
        _memory = memory;
    }

    public override void DebugExit(byte value) => _ports.Write8(ExitPort, value);

    /// <summary>Ends QEMU as a crash does; returns where the exit device is absent.</summary>
    internal static void DebugExitFailed(PortSpace ports) => ports.Write8(ExitPort, FailedExit);

    public override void PowerOff()
    {
        _switches.PowerOff();
        _switches.Reset();
    }

    public override void Reset() => _switches.Reset();

    public override void Tidy() => _memory.Tidy();

    // Interrupts stay on, so frames are still received.
    public override void Pause(uint milliseconds)
    {
        var end = new Deadline(_clock, milliseconds * NanosecondsPerMillisecond);
        while (end.TryWait())
        {
        }
    }
}

/// <summary>What Cosmos does to the machine as a whole.</summary>
internal abstract class MachineSwitches
{
    /// <summary>Returns where the machine cannot be switched off.</summary>
    public abstract void PowerOff();

    public abstract void Reset();

    /// <summary>Stops the processor until its next interrupt.</summary>
    public abstract void Rest();
}

internal sealed class CosmosSwitches : MachineSwitches
{
    public override void PowerOff() => Power.Shutdown();

    public override void Reset() => Power.Reboot();

    public override void Rest() => CPU.Halt();
}
