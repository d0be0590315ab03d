using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Interrupts;

/// <summary>The pair of 8259A interrupt controllers of every PC.</summary>
internal static class Pic8259
{
    private const ushort PrimaryCommand = 0x20;
    private const ushort PrimaryData = 0x21;
    private const ushort SecondaryCommand = 0xA0;
    private const ushort SecondaryData = 0xA1;
    private const ushort TriggerMode = 0x4D0;

    private const byte EndOfInterrupt = 0x20;
    private const byte ReadInService = 0x0B;
    private const int CascadeLine = 2;

    /// <summary>Moves the lines to <see cref="Vectors.FirstLine"/> and masks them all.</summary>
    public static void Initialize()
    {
        Processor.Out8(PrimaryCommand, 0x11);           // ICW1: edge, cascade, ICW4 follows
        Processor.Out8(SecondaryCommand, 0x11);
        Processor.Out8(PrimaryData, (byte)Vectors.FirstLine);
        Processor.Out8(SecondaryData, (byte)(Vectors.FirstLine + 8));
        Processor.Out8(PrimaryData, 1 << CascadeLine);
        Processor.Out8(SecondaryData, CascadeLine);
        Processor.Out8(PrimaryData, 1);                 // ICW4: 8086 mode
        Processor.Out8(SecondaryData, 1);
        Processor.Out8(PrimaryData, 0xFF & ~(1 << CascadeLine));
        Processor.Out8(SecondaryData, 0xFF);
    }

    /// <summary>Lets a line interrupt.</summary>
    public static void Unmask(uint line)
    {
        ushort port = line < 8 ? PrimaryData : SecondaryData;
        Processor.Out8(port, (byte)(Processor.In8(port) & ~(1 << (int)(line & 7))));
    }

    /// <summary>Keeps a line from interrupting.</summary>
    public static void Mask(uint line)
    {
        ushort port = line < 8 ? PrimaryData : SecondaryData;
        Processor.Out8(port, (byte)(Processor.In8(port) | (1 << (int)(line & 7))));
    }

    /// <summary>
    /// Makes a line level-triggered, as PCI's are, or edge-triggered. Lines 0, 1, 2, 8 and 13 always are the latter.
    /// </summary>
    public static void SetTrigger(uint line, bool isLevel)
    {
        if (line <= 2 || line == 8 || line == 13 || line >= Vectors.LineCount)
        {
            return;
        }

        var port = (ushort)(TriggerMode + (line >> 3));
        byte before = Processor.In8(port);
        int bit = 1 << (int)(line & 7);
        var wanted = (byte)(isLevel ? before | bit : before & ~bit);
        if (wanted != before)
        {
            Processor.Out8(port, wanted);
        }
    }

    /// <summary>
    /// Whether an interrupt on line 7 or 15 is not one: the controller answers so when a line fell back too early.
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
            Processor.Out8(PrimaryCommand, EndOfInterrupt);
            return true;
        }

        return false;
    }

    /// <summary>Tells the controllers that a line's interrupt was taken.</summary>
    public static void Acknowledge(uint line)
    {
        if (line >= 8)
        {
            Processor.Out8(SecondaryCommand, EndOfInterrupt);
        }

        Processor.Out8(PrimaryCommand, EndOfInterrupt);
    }

    private static bool IsInService(ushort command)
    {
        Processor.Out8(command, ReadInService);
        return (Processor.In8(command) & 0x80) != 0;
    }
}
