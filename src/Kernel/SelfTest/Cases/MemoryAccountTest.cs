using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>LibOS' account of the memory adds up.</summary>
internal sealed class MemoryAccountTest : SelfTestCase
{
    private readonly SystemControl _system;

    /// <summary>Creates the test.</summary>
    public MemoryAccountTest(SystemControl system)
        : base("the account of the memory adds up")
    {
        _system = system;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        MemoryInfo memory = _system.Memory;
        ulong used = memory.Total - memory.Free;
        ulong named = memory.Image + memory.Tables + memory.Program + memory.Dma + memory.Quarantined;
        if (memory.Free > memory.Total || memory.LargestFree > memory.Free)
        {
            return SelfTestResult.Failed($"{memory.Free} bytes are free out of {memory.Total}");
        }

        return SelfTestResult.Expect(named <= used, $"{used} bytes are in use, but {named} have a use");
    }
}
