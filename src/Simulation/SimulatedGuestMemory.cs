using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Simulation;

/// <summary>The devices' view of a <see cref="SimulatedDma"/>.</summary>
internal sealed unsafe class SimulatedGuestMemory : GuestMemory
{
    private readonly SimulatedDma _dma;

    /// <summary>Creates the view.</summary>
    internal SimulatedGuestMemory(SimulatedDma dma)
    {
        _dma = dma;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
    {
        pointer = length == 0 ? null : _dma.DeviceView(deviceAddress, length);
        return pointer != null;
    }
}
