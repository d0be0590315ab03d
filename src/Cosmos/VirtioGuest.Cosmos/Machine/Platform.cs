using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// Everything that the machine takes from Cosmos. <see cref="CosmosPlatform"/> passes each member on in one line; host
/// tests put device models in its place, and run everything above unchanged.
/// </summary>
/// <remarks>One processor, and memory that the processor and every device see at the same addresses.</remarks>
public abstract unsafe class Platform
{
    /// <summary>The size of a page in bytes.</summary>
    public const uint PageLength = 4096;

    /// <summary>The I/O ports.</summary>
    public abstract PortSpace Ports { get; }

    /// <summary>The processor's timestamp: a counter with a constant rate that never goes back.</summary>
    public abstract ulong Timestamp { get; }

    /// <summary>Allocates contiguous pages, zeroed.</summary>
    /// <returns>The first page, or null where there are not that many.</returns>
    public abstract byte* AllocatePages(uint count);

    /// <summary>Frees pages.</summary>
    /// <param name="pages">What <see cref="AllocatePages"/> returned.</param>
    public abstract void FreePages(byte* pages);

    /// <summary>Maps device registers.</summary>
    /// <returns>The registers, or null where the processor cannot reach them.</returns>
    public abstract MmioRegion? MapRegisters(ulong physicalAddress, uint length);

    /// <summary>Sets the handler of a line, in place of the one before.</summary>
    /// <param name="line">A line of the interrupt controller, 0 to 15.</param>
    /// <param name="service">Called in the interrupt, before the end of interrupt is sent to the controller.</param>
    public abstract void Connect(byte line, LineService service);

    /// <summary>Masks or unmasks a line at the interrupt controller.</summary>
    public abstract void SetMask(byte line, bool isMasked);

    /// <summary>Turns interrupts off.</summary>
    /// <returns>The state before, for <see cref="RestoreInterrupts"/>.</returns>
    /// <remarks>
    /// Nothing may be allocated until they are restored: Cosmos' heap always leaves interrupts turned on.
    /// </remarks>
    public abstract uint DisableInterrupts();

    /// <summary>Turns interrupts on again, if they were on before.</summary>
    public abstract void RestoreInterrupts(uint before);

    /// <summary>Prints a line.</summary>
    public abstract void WriteLine(string text);
}

/// <summary>The handler of an interrupt line.</summary>
public abstract class LineService
{
    /// <summary>The line was raised. Called in the interrupt; must not throw.</summary>
    public abstract void OnLine();
}
