namespace VirtioGuest.Hal;

/// <summary>One handler's share of an interrupt line, which several devices may share.</summary>
public abstract class LineInterrupt
{
    /// <summary>Describes the line.</summary>
    protected LineInterrupt(byte line)
    {
        Line = line;
    }

    /// <summary>The line's number at the interrupt controller, as the PCI Interrupt Line register gives it.</summary>
    public byte Line { get; }

    /// <summary>
    /// Whether the machine cannot bring this line's interrupts, and calls the handler now and then instead.
    /// </summary>
    public virtual bool IsPolled => false;

    /// <summary>How often the line has interrupted.</summary>
    public abstract ulong Count { get; }

    /// <summary>Stops delivery to this handler.</summary>
    /// <remarks>
    /// A call of the handler that has begun may still be running when this returns: handlers look at their driver's
    /// state before they touch the device.
    /// </remarks>
    public abstract void Release();
}
