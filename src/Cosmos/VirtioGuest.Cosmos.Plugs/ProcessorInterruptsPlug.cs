using System;
using IL2CPU.API.Attribs;
using VirtioGuest.Cosmos.Machine;
using XSharp;
using XSharp.Assembler;

namespace VirtioGuest.Cosmos.Plugs;

/// <summary>The interrupt flag, saved, cleared and restored.</summary>
/// <remarks>IL2CPU takes a result from the top of the stack, and has the last argument at <c>ebp + 8</c>.</remarks>
[Plug(Target = typeof(ProcessorInterrupts))]
public static class ProcessorInterruptsPlug
{
    /// <summary>Replaces <see cref="ProcessorInterrupts.IsPlugged"/>.</summary>
    [PlugMethod(Assembler = typeof(PushOne))]
    public static uint IsPlugged() => throw new NotSupportedException();

    /// <summary>Replaces <see cref="ProcessorInterrupts.Disable"/>.</summary>
    [PlugMethod(Assembler = typeof(PushFlagsAndClear))]
    public static uint Disable() => throw new NotSupportedException();

    /// <summary>Replaces <see cref="ProcessorInterrupts.Restore"/>.</summary>
    [PlugMethod(Assembler = typeof(PopFlags))]
    public static void Restore(uint flags) => throw new NotSupportedException();

    /// <summary>Replaces <see cref="ProcessorInterrupts.LoadEarlyTable"/>.</summary>
    [PlugMethod(Assembler = typeof(FillAndLoadTable))]
    public static void LoadEarlyTable() => throw new NotSupportedException();

    private sealed class PushOne : AssemblerMethod
    {
        public override void AssembleNew(Assembler aAssembler, object aMethodInfo) => XS.LiteralCode("push dword 1");
    }

    private sealed class PushFlagsAndClear : AssemblerMethod
    {
        public override void AssembleNew(Assembler aAssembler, object aMethodInfo)
        {
            XS.LiteralCode("pushfd");
            XS.LiteralCode("cli");
        }
    }

    private sealed class PopFlags : AssemblerMethod
    {
        public override void AssembleNew(Assembler aAssembler, object aMethodInfo)
        {
            XS.LiteralCode("push dword [ebp + 8]");
            XS.LiteralCode("popfd");
        }
    }

    /// <summary>
    /// Fills Cosmos' own table, which is empty until then, and points the processor to it. IL2CPU's first instructions
    /// give the controllers the vectors 0x20 to 0x27 and 0x29 to 0x30, Cosmos gives the second one 0x28 to 0x2F.
    /// </summary>
    private sealed class FillAndLoadTable : AssemblerMethod
    {
        // An entry is an interrupt gate of the code segment, 8, with the handler's address in its first and last word.
        private static readonly string[] s_code =
        [
            "mov edx, _NATIVE_IDT_Contents + 0x20 * 8",
            "mov ecx, 17",
            "VirtioGuest_NextVector:",
            "mov eax, VirtioGuest_Acknowledge",
            "mov [edx], ax",
            "mov word [edx + 2], 8",
            "mov word [edx + 4], 0x8E00",
            "shr eax, 16",
            "mov [edx + 6], ax",
            "add edx, 8",
            "dec ecx",
            "jnz VirtioGuest_NextVector",
            "lidt [_NATIVE_IDT_Pointer]",
            "jmp VirtioGuest_TableLoaded",
            "VirtioGuest_Acknowledge:",
            "push eax",
            "mov al, 0x20",
            "out 0xA0, al",
            "out 0x20, al",
            "pop eax",
            "iretd",
            "VirtioGuest_TableLoaded:",
        ];

        public override void AssembleNew(Assembler aAssembler, object aMethodInfo)
        {
            foreach (string line in s_code)
            {
                XS.LiteralCode(line);
            }
        }
    }
}
