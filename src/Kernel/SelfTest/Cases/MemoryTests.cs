using System;
using VirtioGuest.Commands.SelfTest;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.SelfTest.Cases;

/// <summary>LibOS' account of the memory adds up.</summary>
internal sealed class MemoryAccountTest : SelfTestCase
{
    private readonly SystemControl _system;

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

/// <summary>Pinned heap memory and device memory are found in physical memory.</summary>
internal sealed class DmaMapTest : SelfTestCase
{
    private const int Length = 300_000;
    private const uint SegmentLength = 64 * 1024;
    private const int Segments = 128;

    private readonly DmaTag _dma;

    public DmaMapTest(DmaTag dma)
        : base("pinned heap memory can be handed to devices")
    {
        _dma = dma;
    }

    /// <inheritdoc/>
    public override SelfTestResult Run()
    {
        DmaMap map = _dma.CreateMap(Segments, SegmentLength);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(Length, pinned: true);
        DmaStatus status = PinnedMemory.Load(map, buffer);
        if (status != DmaStatus.Ok)
        {
            return SelfTestResult.Failed("pinned memory could not be loaded");
        }

        ulong covered = 0;
        foreach (DmaSegment segment in map.Segments)
        {
            covered += segment.Length;
            if (segment.Length is 0 or > SegmentLength || segment.DeviceAddress == 0)
            {
                return SelfTestResult.Failed($"a segment of {segment.Length} bytes at 0x{segment.DeviceAddress:x}");
            }
        }

        map.Unload();
        return SelfTestResult.Expect(covered == Length, $"segments hold {covered} of {Length} bytes");
    }
}
