using VirtioGuest.LibOS.Acpi;
using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS;

/// <summary>Ways to end or restart the machine.</summary>
internal static unsafe class Power
{
    private const ushort DebugExitPort = 0xF4;
    private const byte SucceededExit = 0x10;
    private const byte FailedExit = 0x11;
    private const ushort ResetControlPort = 0xCF9;
    private const ushort KeyboardCommandPort = 0x64;
    private const byte PulseReset = 0xFE;

    // How long a reset may take, in PAUSE instructions.
    private const uint Patience = 100_000;

    /// <summary>Ends QEMU through its debug exit device; returns where there is none.</summary>
    /// <param name="value">
    /// QEMU's status becomes twice this value plus one. Success becomes failure where output was lost.
    /// </param>
    public static void DebugExit(byte value) =>
        Processor.Out8(DebugExitPort, value == SucceededExit && SerialOutput.HasLost ? FailedExit : value);

    /// <summary>
    /// Ends the machine as failed: by the debug exit device, or with a last line and a halt. Never a reset, so that the
    /// report stays on the screen.
    /// </summary>
    public static void Fail()
    {
        SerialOutput.Flush();
        DebugExit(FailedExit);
        KernelConsole.StartLine();
        KernelConsole.WriteLine("VIRTIOGUEST: FAILED");
        SerialOutput.Flush();
        Processor.Halt();
    }

    /// <summary>Switches the machine off by ACPI; where that does not work, resets it. Does not return.</summary>
    public static void Off()
    {
        if (LibOs.Acpi->HasSoftOff)
        {
            AcpiPower.PowerOff(LibOs.Acpi);
        }

        Reset();
    }

    /// <summary>
    /// Resets by ACPI's reset register where there is one, then by port 0xCF9, the keyboard controller, a triple fault.
    /// Does not return.
    /// </summary>
    public static void Reset()
    {
        AcpiPower.Reset(LibOs.Acpi);
        Processor.Out8(ResetControlPort, 0x02);
        Processor.Out8(ResetControlPort, 0x06);
        Wait();
        Processor.Out8(KeyboardCommandPort, PulseReset);
        Wait();
        Processor.TripleFault();
    }

    private static void Wait()
    {
        for (uint i = 0; i < Patience; i++)
        {
            Processor.Pause();
        }
    }
}
