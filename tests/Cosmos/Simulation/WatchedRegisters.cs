using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>
/// Device registers, with an eye on whether an interrupt could come between what a driver does to them.
/// </summary>
internal sealed class WatchedRegisters(ModelPlatform platform, MmioRegion registers) : MmioRegion(registers.Length)
{
    public override byte Read8(uint offset) => registers.Read8(offset);

    public override ushort Read16(uint offset) => registers.Read16(offset);

    public override uint Read32(uint offset) => registers.Read32(offset);

    public override void Write8(uint offset, byte value)
    {
        platform.NoteWrite();
        registers.Write8(offset, value);
        platform.AfterWrite();
    }

    public override void Write16(uint offset, ushort value)
    {
        platform.NoteWrite();
        registers.Write16(offset, value);
        platform.AfterWrite();
    }

    public override void Write32(uint offset, uint value)
    {
        platform.NoteWrite();
        registers.Write32(offset, value);
        platform.AfterWrite();
    }
}
