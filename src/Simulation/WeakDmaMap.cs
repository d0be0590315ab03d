using VirtioGuest.Hal;

namespace VirtioGuest.Simulation;

/// <summary>A map of a <see cref="WeakMemory"/>, which is contiguous.</summary>
internal sealed unsafe class WeakDmaMap : DmaMap
{
    private readonly WeakMemory _memory;

    /// <summary>Creates an empty map.</summary>
    internal WeakDmaMap(WeakMemory memory, DmaMapLimits limits, BouncePool? bounce)
        : base(limits, bounce)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    protected override DmaStatus LoadDirect(byte* buffer, uint length)
    {
        ulong deviceAddress = _memory.DeviceAddress(buffer);
        return _memory.DeviceView(deviceAddress, length) == null
            ? DmaStatus.Unreachable
            : Append(deviceAddress, length);
    }

    /// <inheritdoc/>
    protected override void SyncDirect(uint offset, uint length, DmaSync operation, AccessSite site)
    {
    }

    /// <inheritdoc/>
    protected override void UnloadDirect()
    {
    }
}
