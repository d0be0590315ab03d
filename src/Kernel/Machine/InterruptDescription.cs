namespace VirtioGuest.Kernel.Machine;

/// <summary>An interrupt that someone holds, for people.</summary>
/// <param name="Name">Who holds it.</param>
/// <param name="Source">How it comes: a message, or a line with its number.</param>
/// <param name="Vector">The processor's vector.</param>
/// <param name="Count">How often it came.</param>
/// <param name="IsAbandoned">Whether its line was masked, because nobody claimed its interrupts.</param>
/// <param name="IsPolled">Whether the line's interrupts do not come, so that its devices are polled.</param>
internal sealed record InterruptDescription(
    string Name, string Source, uint Vector, ulong Count, bool IsAbandoned, bool IsPolled);
