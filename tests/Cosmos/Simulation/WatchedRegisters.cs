using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>
/// Device registers, with an eye on whether an interrupt could come between what a driver does to them, and on what
/// comes between it.
/// </summary>
internal sealed class WatchedRegisters(ModelPlatform platform, MmioRegion registers) : MmioRegion(registers.Length)
{
    public override byte Read8(uint offset)
    {
        byte value = registers.Read8(offset);
        platform.AfterStep();
        return value;
    }

    public override ushort Read16(uint offset)
    {
        ushort value = registers.Read16(offset);
        platform.AfterStep();
        return value;
    }

    public override uint Read32(uint offset)
    {
        uint value = registers.Read32(offset);
        platform.AfterStep();
        return value;
    }

    public override void Write8(uint offset, byte value)
    {
        platform.NoteWrite();
        registers.Write8(offset, value);
        platform.AfterWrite();
        platform.AfterStep();
    }

    public override void Write16(uint offset, ushort value)
    {
        platform.NoteWrite();
        registers.Write16(offset, value);
        platform.AfterWrite();
        platform.AfterStep();
    }

    public override void Write32(uint offset, uint value)
    {
        platform.NoteWrite();
        registers.Write32(offset, value);
        platform.AfterWrite();
        platform.AfterStep();
    }
}
