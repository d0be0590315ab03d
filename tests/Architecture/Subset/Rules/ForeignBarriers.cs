using System.Threading;
using Mono.Cecil;
using Mono.Cecil.Cil;

namespace VirtioGuest.Architecture.Tests.Subset.Rules;

/// <summary>
/// No fence and no atomic operation of .NET's: they are none under Cosmos, which replaces <c>Barriers.Full</c> only.
/// </summary>
public sealed class ForeignBarriers : SubsetRule
{
    /// <summary>The one method that may ask .NET for a fence, because a plug takes its place under Cosmos.</summary>
    public const string Exempt = "System.Void VirtioGuest.Hal.Barriers::Full(VirtioGuest.Hal.AccessSite)";

    /// <inheritdoc/>
    public override string Instead => "use Hal's Barriers.Full, and SharedMemory's acquire and release accessors";

    /// <inheritdoc/>
    protected override string? Objection(MethodDefinition method, Instruction instruction)
    {
        if (instruction.Callee() is not { } callee || method.FullName == Exempt)
        {
            return null;
        }

        bool orders = callee.IsOf("System.Threading.Interlocked")
            || callee.Is("System.Threading.Volatile", "ReadBarrier")
            || callee.Is("System.Threading.Volatile", "WriteBarrier")
            || callee.Is("System.Threading.Thread", nameof(Thread.MemoryBarrier))
            || callee.Is("System.Threading.Thread", nameof(Thread.VolatileRead))
            || callee.Is("System.Threading.Thread", nameof(Thread.VolatileWrite));
        return orders ? $"calls {callee.DeclaringType.Name}.{callee.Name}" : null;
    }
}
