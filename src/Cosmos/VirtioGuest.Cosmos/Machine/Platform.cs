using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Machine;

/// <summary>
/// The few things that are taken of the kit below. <see cref="CosmosPlatform"/> hands each on to Cosmos in one line;
/// host tests put device models there, and run everything above as it is.
/// </summary>
/// <remarks>One processor; memory where the processor and every device see the same addresses.</remarks>
public abstract unsafe class Platform
{
    /// <summary>The size of a page in bytes.</summary>
    public const uint PageLength = 4096;

    /// <summary>The I/O ports.</summary>
    public abstract PortSpace Ports { get; }

    /// <summary>A counter that goes up evenly and does not go back: the processor's timestamp.</summary>
    public abstract ulong Timestamp { get; }

    /// <summary>Allocates zeroed pages that follow each other.</summary>
    /// <returns>The first page, or null where there are not so many.</returns>
    public abstract byte* AllocatePages(uint count);

    /// <summary>Gives back what <see cref="AllocatePages"/> gave.</summary>
    public abstract void FreePages(byte* pages);

    /// <summary>Maps device registers.</summary>
    /// <returns>The window, or null where the processor does not reach it.</returns>
    public abstract MmioRegion? MapRegisters(ulong physicalAddress, uint length);

    /// <summary>Lets a line call a service, in place of whoever it called before.</summary>
    /// <param name="line">A line of the interrupt controller, 0 to 15.</param>
    /// <param name="service">Called in the interrupt, before the controller is told of its end.</param>
    public abstract void Connect(byte line, LineService service);

    /// <summary>Masks or unmasks a line at the interrupt controller.</summary>
    public abstract void SetMask(byte line, bool isMasked);

    /// <summary>Keeps interrupts from the processor.</summary>
    /// <returns>What <see cref="RestoreInterrupts"/> takes to put things back as they were.</returns>
    /// <remarks>
    /// Between the two nothing may be allocated: Cosmos' heap turns interrupts on when it is done, whatever they were.
    /// </remarks>
    public abstract uint DisableInterrupts();

    /// <summary>Lets interrupts come again, if they did before.</summary>
    public abstract void RestoreInterrupts(uint before);

    /// <summary>Prints a line.</summary>
    public abstract void WriteLine(string text);
}

/// <summary>Who is called when an interrupt line is raised.</summary>
public abstract class LineService
{
    /// <summary>Serves the line. Must not throw.</summary>
    public abstract void OnLine();
}
