using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>
/// Which controller brings which line: ISA's 16 come through the pair of 8259s where there is one, and through an
/// I/O APIC otherwise; higher numbers are global system interrupts, which only an I/O APIC has. What neither brings is
/// polled.
/// </summary>
internal unsafe struct InterruptLines
{
    private const ushort TriggerMask = 3 << 2;
    private const ushort EdgeTriggered = 1 << 2;
    private const ushort LevelTriggered = 3 << 2;
    private const ushort PolarityMask = 3;
    private const ushort ActiveHigh = 1;
    private const ushort ActiveLow = 3;
    private const uint IsaCount = 16;
    private const uint TimerLine = 0;
    private const uint CascadeLine = 2;

    private InterruptDescription* _description;
    private LocalApic* _apic;
    private bool _hasPic;

    public IoApicSet IoApics;

    public readonly bool HasPic => _hasPic;

    /// <summary>Whether any line can interrupt.</summary>
    public readonly bool HasAny => _hasPic || HasIoApic;

    private readonly bool HasIoApic => IoApics.Count != 0 && _apic->IsReachable;

    /// <summary>Starts with all lines masked.</summary>
    /// <param name="hasPic">Whether the pair of 8259s was found.</param>
    /// <param name="apic">The local APIC, without which an I/O APIC is of no use.</param>
    /// <param name="description">How the firmware says that lines are connected.</param>
    public void Initialize(bool hasPic, LocalApic* apic, InterruptDescription* description)
    {
        _hasPic = hasPic;
        _apic = apic;
        _description = description;
    }

    /// <summary>
    /// Whether a device's interrupts can come over a line. Line 0 is the timer's; for PCI it means that none is known.
    /// </summary>
    public readonly bool CanInterrupt(uint line)
    {
        if (line is TimerLine or CascadeLine or >= (uint)Vectors.LineCount)
        {
            return false;
        }

        return IsThroughPic(line) || (HasIoApic && IoApics.Has(GlobalInterrupt(line, out _)));
    }

    /// <summary>Sets a line up; it stays masked.</summary>
    /// <param name="line">A line that can interrupt.</param>
    /// <param name="isPci">
    /// Whether PCI's INTx comes over it. A device of the board has the bus's usual trigger and polarity otherwise.
    /// </param>
    /// <remarks>
    /// The trigger mode is what firmware's tables say. Where they say nothing, the 8259's is left as it was found:
    /// SeaBIOS sets PCI's lines to level, and monitors without firmware that pulse their lines leave all at edge.
    /// <see cref="InterruptTable"/> copes with a device that does not drive its line as it is set.
    /// </remarks>
    public readonly void Connect(uint line, bool isPci)
    {
        uint globalInterrupt = GlobalInterrupt(line, out ushort flags);
        var trigger = (ushort)(flags & TriggerMask);
        if (IsThroughPic(line))
        {
            if (trigger is EdgeTriggered or LevelTriggered)
            {
                Pic8259.SetTrigger(line, trigger == LevelTriggered);
            }

            return;
        }

        bool isIsa = line < IsaCount && !isPci;
        bool isLevel = trigger == LevelTriggered || (trigger != EdgeTriggered && !isIsa);
        var polarity = (ushort)(flags & PolarityMask);
        bool isLow = polarity == ActiveLow || (polarity != ActiveHigh && isPci);
        IoApics.Route(globalInterrupt, Vectors.FirstLine + line, _apic->Id, isLevel, isLow);
    }

    public readonly void Mask(uint line)
    {
        if (IsThroughPic(line))
        {
            Pic8259.Mask(line);
        }
        else
        {
            IoApics.Mask(GlobalInterrupt(line, out _));
        }
    }

    public readonly void Unmask(uint line)
    {
        if (IsThroughPic(line))
        {
            Pic8259.Unmask(line);
        }
        else
        {
            IoApics.Unmask(GlobalInterrupt(line, out _));
        }
    }

    public readonly bool IsSpurious(uint line) => IsThroughPic(line) && Pic8259.IsSpurious(line);

    /// <summary>
    /// Tells the controller that a line's interrupt was taken. A level-triggered line is masked before, or it would
    /// interrupt again at once.
    /// </summary>
    public readonly void Acknowledge(uint line)
    {
        if (IsThroughPic(line))
        {
            Pic8259.Acknowledge(line);
        }
        else
        {
            _apic->EndOfInterrupt();
        }
    }

    private readonly bool IsThroughPic(uint line) => _hasPic && line < IsaCount;

    private readonly uint GlobalInterrupt(uint line, out ushort flags)
    {
        flags = 0;
        return line < IsaCount ? _description->GlobalInterruptOf((byte)line, out flags) : line;
    }
}
