using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Acpi;

/// <summary>Switches the machine off, or resets it, through its ACPI hardware.</summary>
internal static unsafe class AcpiPower
{
    private const ushort SciEnabled = 1 << 0;
    private const ushort SleepTypeMask = 7 << 10;
    private const int SleepTypeShift = 10;
    private const ushort SleepEnable = 1 << 13;
    private const int ReducedSleepTypeShift = 2;
    private const int ReducedSleepEnable = 1 << 5;

    private const ushort DiagnosticPort = 0x80;

    // A port read takes half a microsecond or more, emulated or not: a second at least. On a busy host a monitor takes
    // its time, and what is tried next is a reset.
    private const uint MaximumPolls = 2_000_000;

    /// <summary>
    /// Enters the soft-off state (ACPI 6.5, 7.4.2.6 and 16.1.1), after turning ACPI mode on where it is off.
    /// </summary>
    /// <remarks>Returns, after a bounded time, only where that did not work or the tables do not say how.</remarks>
    public static void PowerOff(AcpiTables* tables)
    {
        if (!tables->HasSoftOff)
        {
            return;
        }

        if (tables->Fixed.SleepControl.IsPresent)
        {
            // 4.8.3.7: the type and the enable bit in one write.
            var sleep = (byte)((tables->SoftOff.SleepTypeA << ReducedSleepTypeShift) | ReducedSleepEnable);
            if (tables->Fixed.SleepControl.TryWrite(LibOs.Pages, sleep))
            {
                Wait();
            }

            return;
        }

        EnableAcpi(&tables->Fixed);
        Write(tables->Fixed.Pm1aControl, tables->SoftOff.SleepTypeA);
        Write(tables->Fixed.Pm1bControl, tables->SoftOff.SleepTypeB);
        for (uint poll = 0; poll < MaximumPolls; poll++)
        {
            Processor.In16(tables->Fixed.Pm1aControl);
        }
    }

    /// <summary>Writes the reset register (ACPI 6.5, 4.8.3.6), where it is in ports or memory.</summary>
    /// <remarks>Returns, after a bounded time, only where that did not work or the tables do not name one.</remarks>
    public static void Reset(AcpiTables* tables)
    {
        AcpiRegister reset = tables->Fixed.Reset;
        if (reset.IsPresent && reset.TryWrite(LibOs.Pages, tables->Fixed.ResetValue))
        {
            Wait();
        }
    }

    // Port 0x80 is nobody's but diagnostics': its reads only take time.
    private static void Wait()
    {
        for (uint poll = 0; poll < MaximumPolls; poll++)
        {
            Processor.In8(DiagnosticPort);
        }
    }

    private static void EnableAcpi(FixedDescription* description)
    {
        ushort port = description->Pm1aControl;
        bool isEnabled = (Processor.In16(port) & SciEnabled) != 0;
        if (isEnabled || description->SmiCommandPort == 0 || description->AcpiEnable == 0)
        {
            return;
        }

        Processor.Out8(description->SmiCommandPort, description->AcpiEnable);
        for (uint poll = 0; poll < MaximumPolls && (Processor.In16(port) & SciEnabled) == 0; poll++)
        {
            Processor.Pause();
        }
    }

    private static void Write(ushort port, byte sleepType)
    {
        if (port == 0)
        {
            return;
        }

        // Type first, then the enable bit with it: hardware latches the type before it acts (4.8.3.2.1).
        uint control = Processor.In16(port) & ~(uint)(SleepTypeMask | SleepEnable);
        control |= (uint)sleepType << SleepTypeShift;
        Processor.Out16(port, (ushort)control);
        Processor.Out16(port, (ushort)(control | SleepEnable));
    }
}
