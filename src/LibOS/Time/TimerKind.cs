namespace VirtioGuest.LibOS.Time;

/// <summary>What interrupts when a time has come.</summary>
internal enum TimerKind
{
    /// <summary>Nothing: the clock is looked at whenever LibOS is left, and all the time while nobody runs.</summary>
    None = 0,

    /// <summary>The local APIC's timer.</summary>
    LocalApic,

    /// <summary>The 8254, through the pair of 8259s.</summary>
    Interval,
}
