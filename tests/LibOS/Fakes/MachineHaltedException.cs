using System;

namespace VirtioGuest.LibOS.Cpu;

/// <summary>The machine stopped for good: what a panic comes to in a test.</summary>
internal sealed class MachineHaltedException : Exception
{
    public MachineHaltedException()
        : base("the machine was halted")
    {
    }
}
