using System;
using IL2CPU.API.Attribs;
using VirtioGuest.Hal;
using XSharp;
using XSharp.Assembler;

namespace VirtioGuest.Cosmos.Plugs;

/// <summary>
/// The full barrier as an instruction, because under IL2CPU that of the class library orders nothing.
/// </summary>
[Plug(Target = typeof(Barriers))]
public static class BarriersPlug
{
    /// <summary>Replaces <see cref="Barriers.Full"/>.</summary>
    [PlugMethod(Assembler = typeof(FullBarrier))]
    public static void Full(AccessSite site) => throw new NotSupportedException();

    /// <summary>
    /// A locked instruction: every processor has one, and for memory that processors share MFENCE orders no more.
    /// </summary>
    private sealed class FullBarrier : AssemblerMethod
    {
        public override void AssembleNew(Assembler aAssembler, object aMethodInfo) =>
            XS.LiteralCode("lock or dword [esp], 0");
    }
}
