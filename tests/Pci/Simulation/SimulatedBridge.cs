namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>A PCI-to-PCI bridge as QEMU's: 16-bit I/O, memory, and 64-bit prefetchable windows.</summary>
public sealed class SimulatedBridge : SimulatedFunction
{
    public SimulatedBridge(bool hasOptionalWindows = true)
        : base(0x1B36, 0x0001, 0x06, 0x04)
    {
        Space[0x0E] = 1;
        Allow(0x18, 3, 0xFFFFFF);
        Allow(0x20, 4, 0xFFF0FFF0);
        if (hasOptionalWindows)
        {
            Allow(0x1C, 2, 0xF0F0);
            Set32(0x24, 0x00010001);
            Allow(0x24, 4, 0xFFF0FFF0);
            Allow(0x28, 4, 0xFFFFFFFF);
            Allow(0x2C, 4, 0xFFFFFFFF);
        }
    }

    public SimulatedBus Behind { get; } = new SimulatedBus();

    public byte Secondary => Space[0x19];

    public byte Subordinate => Space[0x1A];

    public SimulatedBridge Numbered(byte primary, byte secondary, byte subordinate)
    {
        Space[0x18] = primary;
        Space[0x19] = secondary;
        Space[0x1A] = subordinate;
        return this;
    }

    public SimulatedBridge WithMemoryWindow(uint start, uint last)
    {
        Set16(0x20, (ushort)(start >> 16));
        Set16(0x22, (ushort)((last >> 16) & 0xFFF0));
        return this;
    }

    /// <summary>Whether the bridge leads an address to the bus behind it.</summary>
    public bool Forwards(bool io, ulong address)
    {
        if (io)
        {
            uint ioBase = (Space[0x1C] & 0xF0u) << 8;
            uint ioLimit = ((Space[0x1D] & 0xF0u) << 8) | 0xFFF;
            return (Command & 1) != 0 && address >= ioBase && address <= ioLimit;
        }

        ulong memoryBase = (Get16(0x20) & 0xFFF0UL) << 16;
        ulong memoryLimit = ((Get16(0x22) & 0xFFF0UL) << 16) | 0xFFFFF;
        ulong prefetchableBase = ((Get16(0x24) & 0xFFF0UL) << 16) | ((ulong)Get32(0x28) << 32);
        ulong prefetchableLimit = ((Get16(0x26) & 0xFFF0UL) << 16) | 0xFFFFF | ((ulong)Get32(0x2C) << 32);
        return (Command & 2) != 0
            && ((address >= memoryBase && address <= memoryLimit)
                || (address >= prefetchableBase && address <= prefetchableLimit));
    }
}
