using VirtioGuest.LibOS.Cpu;
using VirtioGuest.LibOS.Memory;
using VirtioGuest.LibOS.SystemCalls;
using VirtioGuest.LibOS.Threads;

namespace VirtioGuest.LibOS;

/// <summary>
/// The program's first thread: its stack as Linux lays it out for a static executable (arguments, environment,
/// auxiliary vector).
/// </summary>
internal static unsafe class ProgramStart
{
    /// <summary>The size of the first thread's stack in bytes; the C library probes it page by page.</summary>
    public const ulong StackLength = 0x10_0000;

    private const ulong GuardLength = 0x1_0000;
    private const ulong TextRoom = 512;
    private const ulong InterruptsEnabled = 0x202;

    private const ulong AuxiliaryHeaders = 3;
    private const ulong AuxiliaryHeaderLength = 4;
    private const ulong AuxiliaryHeaderCount = 5;
    private const ulong AuxiliaryPageSize = 6;
    private const ulong AuxiliaryEntry = 9;
    private const ulong AuxiliaryUser = 11;
    private const ulong AuxiliaryEffectiveUser = 12;
    private const ulong AuxiliaryGroup = 13;
    private const ulong AuxiliaryEffectiveGroup = 14;
    private const ulong AuxiliaryCapabilities = 16;
    private const ulong AuxiliaryTicks = 17;
    private const ulong AuxiliarySecure = 23;
    private const ulong AuxiliaryRandom = 25;
    private const ulong AuxiliaryFileName = 31;

    /// <summary>Makes the thread that starts at the C library's entry point.</summary>
    public static Thread* CreateFirstThread()
    {
        long region = LibOs.Program->Map(0, GuardLength + StackLength, Protection.None, isFixed: false);
        var bottom = (ulong)region + GuardLength;
        ulong top = bottom + StackLength;
        if (region < 0
            || LibOs.Program->Protect(bottom, StackLength, Protection.Read | Protection.Write) != 0
            || LibOs.Program->Populate(top - (2 * Frame.Size), 2 * Frame.Size) != 0)
        {
            Panic.Fail("no memory for the first stack");
        }

        // Texts and random bytes at the very top, the words below them.
        var text = (byte*)(top - TextRoom);
        ulong random = top - 16;
        LibOs.Entropy->Read((byte*)random, 16);
        var name = (ulong)text;
        text = Append(text, "virtioguest");
        var heapLimit = (ulong)text;
        text = AppendHeapLimit(text);
        var noCollectorThread = (ulong)text;
        text = Append(text, "DOTNET_gcConcurrent=0");

        var stack = (ulong*)(top - TextRoom - 512);
        ulong* word = stack;
        *word++ = 1;                                    // argc
        *word++ = name;
        *word++ = 0;
        *word++ = heapLimit;
        *word++ = noCollectorThread;
        *word++ = 0;

        byte* header = Processor.GetImageLayout()->ElfHeader;
        word = Auxiliary(word, AuxiliaryHeaders, (ulong)header + *(ulong*)(header + 32));
        word = Auxiliary(word, AuxiliaryHeaderLength, *(ushort*)(header + 54));
        word = Auxiliary(word, AuxiliaryHeaderCount, *(ushort*)(header + 56));
        word = Auxiliary(word, AuxiliaryPageSize, Frame.Size);
        word = Auxiliary(word, AuxiliaryEntry, (ulong)Processor.GetImageLayout()->ProgramEntry);
        word = Auxiliary(word, AuxiliaryUser, 0);
        word = Auxiliary(word, AuxiliaryEffectiveUser, 0);
        word = Auxiliary(word, AuxiliaryGroup, 0);
        word = Auxiliary(word, AuxiliaryEffectiveGroup, 0);
        word = Auxiliary(word, AuxiliaryCapabilities, LibOs.Features->Basic);
        word = Auxiliary(word, AuxiliaryTicks, 100);
        word = Auxiliary(word, AuxiliarySecure, 0);
        word = Auxiliary(word, AuxiliaryRandom, random);
        word = Auxiliary(word, AuxiliaryFileName, name);
        Auxiliary(word, 0, 0);

        Thread* thread = Create();
        ThreadCalls.SetName(thread, "main");
        thread->Registers.Rip = (ulong)Processor.GetImageLayout()->ProgramEntry;
        thread->Registers.Rsp = (ulong)stack;
        return thread;
    }

    /// <summary>Makes the thread that runs when no other can: it waits for interrupts.</summary>
    public static Thread* CreateIdleThread()
    {
        Thread* thread = Create();
        ThreadCalls.SetName(thread, "idle");
        thread->Registers.Rip = (ulong)Processor.GetImageLayout()->IdleLoop;
        thread->Registers.Rsp = LibOs.Stacks->Allocate();
        return thread;
    }

    private static Thread* Create()
    {
        Thread* thread = LibOs.Threads->Create(LibOs.Frames);
        if (thread == null)
        {
            Panic.Fail("no memory for the first threads");
        }

        ExtendedState.Initialize(thread->Extended);
        thread->Registers.CodeSegment = SegmentTables.CodeSelector;
        thread->Registers.StackSegment = SegmentTables.DataSelector;
        thread->Registers.Flags = InterruptsEnabled;
        thread->State = ThreadState.Ready;
        return thread;
    }

    private static ulong* Auxiliary(ulong* word, ulong kind, ulong value)
    {
        word[0] = kind;
        word[1] = value;
        return word + 2;
    }

    // The collector must know how much memory there is, or it would take more until a page fault finds none. A quarter
    // is left for stacks, devices and tables. The value is hexadecimal without a prefix.
    private static byte* AppendHeapLimit(byte* text)
    {
        ulong limit = Frame.RoundDown(LibOs.Frames->FreeFrames / 4 * 3 * Frame.Size);
        text = Append(text, "DOTNET_GCHeapHardLimit=") - 1;
        for (int shift = 60; shift >= 0; shift -= 4)
        {
            ulong digit = (limit >> shift) & 0xF;
            *text++ = (byte)(digit < 10 ? '0' + digit : 'A' + digit - 10);
        }

        *text++ = 0;
        return text;
    }

    private static byte* Append(byte* destination, string text)
    {
        for (int i = 0; i < text.Length; i++)
        {
            *destination++ = (byte)text[i];
        }

        *destination++ = 0;
        return destination;
    }
}
