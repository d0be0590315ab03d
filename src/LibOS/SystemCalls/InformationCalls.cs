using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.Time;

namespace VirtioGuest.LibOS.SystemCalls;

/// <summary>What the program asks about the system that it thinks it runs on.</summary>
internal static unsafe class InformationCalls
{
    private const int NameFieldLength = 65;
    private const int NameFields = 6;
    private const ulong StackLimit = 3;
    private const ulong SystemInformationLength = 112;
    private const ulong UsageLength = 144;

    /// <summary>uname: the system whose calls are served, and that it is this one.</summary>
    public static long Name(byte* result)
    {
        Processor.Fill(result, 0, NameFieldLength * NameFields);
        Copy(result, "Linux");
        Copy(result + NameFieldLength, "virtioguest");
        Copy(result + (2 * NameFieldLength), "5.10.0-virtioguest");
        Copy(result + (3 * NameFieldLength), "VirtioGuest LibOS");
        Copy(result + (4 * NameFieldLength), "x86_64");
        return 0;
    }

    /// <summary>sysinfo: up-time and memory.</summary>
    public static long System(ulong* result)
    {
        Processor.Fill(result, 0, SystemInformationLength);
        result[0] = Clock.Now / 1_000_000_000;
        result[4] = LibOs.Frames->TotalFrames << Frame.Shift;
        result[5] = LibOs.Frames->FreeFrames << Frame.Shift;
        ((uint*)result)[26] = 1;                        // bytes per memory unit
        return 0;
    }

    /// <summary>getrlimit and prlimit64: only the stack has a limit.</summary>
    public static long Limit(ulong resource, ulong* result)
    {
        if (result != null)
        {
            result[0] = resource == StackLimit ? ProgramStart.StackLength : ulong.MaxValue;
            result[1] = result[0];
        }

        return 0;
    }

    /// <summary>getrusage: the time since start, as user time.</summary>
    public static long Usage(ulong* result)
    {
        Processor.Fill(result, 0, UsageLength);
        ulong now = Clock.Now;
        result[0] = now / 1_000_000_000;
        result[1] = now % 1_000_000_000 / 1000;
        return 0;
    }

    /// <summary>getrandom.</summary>
    public static long Random(byte* buffer, ulong length)
    {
        LibOs.Entropy->Read(buffer, length);
        return (long)length;
    }

    private static void Copy(byte* field, string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            field[i] = (byte)text[i];
        }
    }
}
