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
}
