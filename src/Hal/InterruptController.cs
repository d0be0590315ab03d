namespace VirtioGuest.Hal;

/// <summary>Where a machine gives out interrupts.</summary>
public abstract class InterruptController
{
    /// <summary>Whether devices can signal by message (MSI, MSI-X) on this machine.</summary>
    public abstract bool HasMessages { get; }

    /// <summary>
    /// Whether so many messages are given out that a device should take one for everything that it has to say, and
    /// leave the rest to those that come after it.
    /// </summary>
    public virtual bool IsShortOfMessages => false;

    /// <summary>Sets aside a message and delivers it to <paramref name="handler"/> from now on.</summary>
    /// <param name="name">Who it is for, as shown to people, for example <c>virtio-blk0 request</c>.</param>
    /// <param name="handler">Who serves it.</param>
    /// <returns>The message, or null where the machine has none, or none left.</returns>
    public abstract MessageInterrupt? AllocateMessage(string name, InterruptHandler handler);

    /// <summary>Adds a handler to an interrupt line.</summary>
    /// <param name="line">The line's number: 0 to 15 on a PC, more where the machine has more.</param>
    /// <param name="name">Who it is for, as shown to people.</param>
    /// <param name="handler">Who serves it. May be called though no interrupt came.</param>
    /// <returns>
    /// The share, or null where the machine has no such line; one that can call handlers without interrupts may give
    /// a share of a line that it has not (<see cref="LineInterrupt.IsPolled"/>).
    /// </returns>
    public abstract LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler);

    /// <summary>
    /// Adds a handler to an interrupt line of the board, as those of virtio-mmio devices are: edge-triggered where
    /// nothing else is known of it.
    /// </summary>
    /// <param name="line">The line's number, as for <see cref="AttachLine"/>.</param>
    /// <param name="name">Who it is for, as shown to people.</param>
    /// <param name="handler">Who serves it: until the device asks for nothing more, or no further edge comes.</param>
    /// <returns>
    /// The share, or null where the machine has no such line, or where somebody uses it as a level-triggered one.
    /// </returns>
    public virtual LineInterrupt? AttachEdgeLine(byte line, string name, InterruptHandler handler) =>
        AttachLine(line, name, handler);
}
