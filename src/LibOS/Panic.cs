using VirtioGuest.LibOS.Console;
using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS;

/// <summary>
/// The end of the machine when something is wrong: says what and where on every console, then leaves by the failing
/// exit.
/// </summary>
internal static unsafe class Panic
{
    private const int CallDepth = 24;

    private static uint s_depth;

    public static void Fail(string reason)
    {
        Begin(reason);
        End();
    }

    /// <summary>Fails in a trap.</summary>
    public static void Fail(string reason, TrapFrame* frame)
    {
        Begin(reason);
        WriteRegisters(frame);
        End();
    }

    /// <summary>Fails in a trap, with a number that belongs to the reason.</summary>
    public static void Fail(string reason, string name, ulong value, TrapFrame* frame)
    {
        Begin(reason);
        Detail(name, value);
        WriteRegisters(frame);
        End();
    }

    /// <summary>Starts a report: the first line, up to the details.</summary>
    public static void Begin(string reason)
    {
        if (++s_depth > 1)
        {
            // The report itself failed: no more words.
            Power.Fail();
        }

        KernelConsole.StartLine();
        KernelConsole.Write("LibOS: ");
        KernelConsole.WriteLine(reason);
    }

    /// <summary>Writes a line of a name and a number.</summary>
    public static void Detail(string name, ulong value)
    {
        KernelConsole.Write("  ");
        KernelConsole.Write(name);
        KernelConsole.WriteHex(value);
        KernelConsole.WriteLine();
    }

    /// <summary>Writes where the processor was, in which thread, and who called.</summary>
    public static void WriteRegisters(TrapFrame* frame)
    {
        PerCpu* cpu = Processor.Current();
        KernelConsole.Write(cpu->KernelDepth > 1 ? "  in LibOS" : "  in the program");
        Thread* thread = cpu->CurrentThread;
        if (thread != null)
        {
            KernelConsole.Write(", thread ");
            KernelConsole.WriteDecimal(thread->Id);
            KernelConsole.Write(" (");
            WriteName(thread->Name);
            KernelConsole.Write(")");
        }

        KernelConsole.WriteLine();
        Detail("stack ", frame->Rsp);
        WriteCalls(frame);
    }

    /// <summary>Ends a report, and the machine.</summary>
    public static void End() => Power.Fail();

    /// <summary>Writes a text that ends with a zero.</summary>
    public static void WriteName(byte* name)
    {
        ulong length = 0;
        while (name[length] != 0)
        {
            length++;
        }

        KernelConsole.Write(name, length);
    }

    // Compiled code keeps frame pointers, so the chain of RBP is the chain of calls. Every step is checked: the
    // registers of code that failed cannot be trusted.
    private static void WriteCalls(TrapFrame* frame)
    {
        var symbols = new Symbols(Processor.GetImageLayout()->Symbols);
        WriteCall(symbols, "  at   ", frame->Rip);
        ulong link = frame->Rbp;
        for (int i = 0; i < CallDepth && IsReadable(link); i++)
        {
            var pair = (ulong*)link;
            if (!KernelImage.Contains(pair[1]))
            {
                break;
            }

            WriteCall(symbols, "  from ", pair[1]);
            if (pair[0] <= link)
            {
                break;
            }

            link = pair[0];
        }
    }

    private static void WriteCall(Symbols symbols, string label, ulong address)
    {
        KernelConsole.Write(label);
        symbols.Write(address);
        KernelConsole.WriteLine();
    }

    private static bool IsReadable(ulong address) =>
        (address & 7) == 0
        && LibOs.Pages->Root != 0
        && LibOs.Pages->Translate(address, out _) != FrameAllocator.None
        && LibOs.Pages->Translate(address + 8, out _) != FrameAllocator.None;
}
