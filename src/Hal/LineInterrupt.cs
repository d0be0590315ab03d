namespace VirtioGuest.Hal;

/// <summary>One handler's share of a level-triggered interrupt line, which several devices may share.</summary>
public abstract class LineInterrupt
{
    /// <summary>Describes the line.</summary>
    protected LineInterrupt(byte line)
    {
        Line = line;
    }

    /// <summary>The line's number at the interrupt controller, as the PCI Interrupt Line register gives it.</summary>
    public byte Line { get; }

    /// <summary>How often the line has interrupted.</summary>
    public abstract ulong Count { get; }

    /// <summary>Stops delivery to this handler.</summary>
    public abstract void Release();
}
