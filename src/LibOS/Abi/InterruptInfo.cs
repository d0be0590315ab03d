namespace VirtioGuest.LibOS.Abi;

/// <summary>An interrupt that someone holds; filled in by <c>libos_interrupt_info</c>.</summary>
public unsafe struct InterruptInfo
{
    /// <summary>Room for a name, its terminating zero included.</summary>
    public const int NameLength = 32;

    /// <summary>What it is; <see cref="InterruptKind.None"/> marks an unused slot.</summary>
    public InterruptKind Kind;

    /// <summary>The processor's vector.</summary>
    public uint Vector;

    /// <summary>The line, for <see cref="InterruptKind.Line"/>.</summary>
    public uint Line;

    /// <summary>1 where the line was masked because nobody claimed its interrupts.</summary>
    public uint IsAbandoned;

    /// <summary>1 for a line whose interrupts do not come, so that its devices are polled.</summary>
    public uint IsPolled;

    /// <summary>How often it came.</summary>
    public ulong Count;

    /// <summary>Who holds it: UTF-8, ended by a zero.</summary>
    public fixed byte Name[NameLength];
}

/// <summary>How an interrupt reaches the processor.</summary>
public enum InterruptKind : uint
{
    /// <summary>No interrupt.</summary>
    None = 0,

    /// <summary>A message (MSI or MSI-X).</summary>
    Message = 1,

    /// <summary>A line of an interrupt controller.</summary>
    Line = 2,
}

/// <summary>A message set aside by <c>libos_message_allocate</c>.</summary>
public struct MessageGrant
{
    /// <summary>Where the device writes.</summary>
    public ulong Address;

    /// <summary>What the device writes.</summary>
    public uint Data;

    /// <summary>The number by which <c>libos_interrupt_wait</c> and the others know it.</summary>
    public uint Handle;
}
