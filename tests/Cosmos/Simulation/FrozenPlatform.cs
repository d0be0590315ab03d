using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>A platform whose timestamp never changes.</summary>
internal sealed unsafe class FrozenPlatform(Platform platform) : Platform
{
    public override PortSpace Ports => platform.Ports;

    public override ulong Timestamp => 5;

    public override byte* AllocatePages(uint count) => platform.AllocatePages(count);

    public override void FreePages(byte* pages) => platform.FreePages(pages);

    public override MmioRegion? MapRegisters(ulong physicalAddress, uint length) =>
        platform.MapRegisters(physicalAddress, length);

    public override void Connect(byte line, LineService service) => platform.Connect(line, service);

    public override void SetMask(byte line, bool isMasked) => platform.SetMask(line, isMasked);

    public override uint DisableInterrupts() => platform.DisableInterrupts();

    public override void RestoreInterrupts(uint before) => platform.RestoreInterrupts(before);

    public override void WriteLine(string text) => platform.WriteLine(text);
}
