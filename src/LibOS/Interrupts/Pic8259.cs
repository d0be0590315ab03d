using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>The pair of 8259A interrupt controllers of nearly every PC (Intel 8259A data sheet).</summary>
internal static class Pic8259
{
    private const ushort PrimaryCommand = 0x20;
    private const ushort PrimaryData = 0x21;
    private const ushort SecondaryCommand = 0xA0;
    private const ushort SecondaryData = 0xA1;
    private const ushort TriggerMode = 0x4D0;

    // OCW2, specific: it acknowledges the line that was served, whatever else the controller holds in service.
    private const byte EndOfInterrupt = 0x60;
    private const byte ReadInService = 0x0B;
    private const int CascadeLine = 2;
    private const uint LineCount = 16;
    private const byte AllMasked = 0xFF;
    private const byte AllButCascade = AllMasked & ~(1 << CascadeLine);

    /// <summary>Moves the lines to <see cref="Vectors.FirstLine"/> and masks them all.</summary>
    /// <returns>Whether there is a pair: a mask that is written can be read.</returns>
    public static bool Initialize()
    {
        Processor.Out8(PrimaryCommand, 0x11);           // ICW1: edge, cascade, ICW4 follows
        Processor.Out8(SecondaryCommand, 0x11);
        Processor.Out8(PrimaryData, (byte)Vectors.FirstLine);
        Processor.Out8(SecondaryData, (byte)(Vectors.FirstLine + 8));
        Processor.Out8(PrimaryData, 1 << CascadeLine);
        Processor.Out8(SecondaryData, CascadeLine);
        Processor.Out8(PrimaryData, 1);                 // ICW4: 8086 mode
        Processor.Out8(SecondaryData, 1);
        Processor.Out8(PrimaryData, AllMasked);
        Processor.Out8(SecondaryData, AllMasked);

        // A read in between changes what a bus with nobody on it would echo.
        bool isMasked = Processor.In8(SecondaryData) == AllMasked && Processor.In8(PrimaryData) == AllMasked;
        Processor.Out8(PrimaryData, AllButCascade);
        return isMasked && Processor.In8(SecondaryData) == AllMasked && Processor.In8(PrimaryData) == AllButCascade;
    }

    public static void Unmask(uint line)
    {
        ushort port = line < 8 ? PrimaryData : SecondaryData;
        Processor.Out8(port, (byte)(Processor.In8(port) & ~(1 << (int)(line & 7))));
    }

    public static void Mask(uint line)
    {
        ushort port = line < 8 ? PrimaryData : SecondaryData;
        Processor.Out8(port, (byte)(Processor.In8(port) | (1 << (int)(line & 7))));
    }

    /// <summary>
    /// Makes a line level-triggered or edge-triggered (the ELCR of chipsets since EISA). Lines 0, 1, 2, 8 and 13 are
    /// always the latter.
    /// </summary>
    public static void SetTrigger(uint line, bool isLevel)
    {
        if (line <= 2 || line == 8 || line == 13 || line >= LineCount)
        {
            return;
        }

        // Bits of lines that are always edge-triggered read as 0: all ones are a bus with no such register.
        var port = (ushort)(TriggerMode + (line >> 3));
        byte before = Processor.In8(port);
        int bit = 1 << (int)(line & 7);
        var wanted = (byte)(isLevel ? before | bit : before & ~bit);
        if (before != byte.MaxValue && wanted != before)
        {
            Processor.Out8(port, wanted);
        }
    }

    /// <summary>
    /// Whether an interrupt on line 7 or 15 is spurious: the controller reports these when a line fell too early.
    /// </summary>
    public static bool IsSpurious(uint line)
    {
        if (line == 7)
        {
            return !IsInService(PrimaryCommand);
        }

        if (line == 15 && !IsInService(SecondaryCommand))
        {
            // The primary one did see an interrupt, on the cascade line.
            Processor.Out8(PrimaryCommand, EndOfInterrupt | CascadeLine);
            return true;
        }

        return false;
    }

    /// <summary>Tells the controllers that a line's interrupt was taken.</summary>
    public static void Acknowledge(uint line)
    {
        if (line >= 8)
        {
            Processor.Out8(SecondaryCommand, (byte)(EndOfInterrupt | (line & 7)));
            Processor.Out8(PrimaryCommand, EndOfInterrupt | CascadeLine);
        }
        else
        {
            Processor.Out8(PrimaryCommand, (byte)(EndOfInterrupt | line));
        }
    }

    private static bool IsInService(ushort command)
    {
        Processor.Out8(command, ReadInService);
        return (Processor.In8(command) & 0x80) != 0;
    }
}
