namespace VirtioGuest.Kernel.Machine;

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
