using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// The two event suppression areas of a packed queue in shared memory: <c>{ le16 desc; le16 flags }</c> each
/// (virtio 1.4, 2.8.10 and 2.8.14).
/// </summary>
internal readonly unsafe struct EventSuppression
{
    /// <summary>The size of an area in bytes.</summary>
    internal const uint AreaSize = 4;

    /// <summary>Every event is wanted.</summary>
    internal const ushort Enable = 0;

    /// <summary>No event is wanted.</summary>
    internal const ushort Disable = 1;

    private const ushort FlagsMask = 3;
    private const uint FlagsOffset = 2;

    private readonly DmaMemory _memory;
    private readonly uint _driverArea;
    private readonly uint _deviceArea;

    /// <summary>Lays the areas over a zeroed region, at offsets that are multiples of 4.</summary>
    internal EventSuppression(DmaMemory memory, uint driverArea, uint deviceArea)
    {
        _memory = memory;
        _driverArea = driverArea;
        _deviceArea = deviceArea;
    }

    /// <summary>Writes which used buffer notifications the driver wants. Hand over around it.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreDriverFlags(ushort flags) =>
        SharedMemory.Store16(_memory.Address + _driverArea + FlagsOffset, flags);

    /// <summary>
    /// Reads whether the device wants no available buffer notification. Every value but DISABLE asks for it, the
    /// reserved one included: a notification too many is harmless, a missing one is a hang.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal bool LoadDeviceDisables() =>
        (SharedMemory.Load16(_memory.Address + _deviceArea + FlagsOffset) & FlagsMask) == Disable;

    /// <summary>Driver event area from the device, before it is written again.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncDriverAreaFromDevice() => _memory.Sync(_driverArea, AreaSize, DmaSync.PostWrite);

    /// <summary>Driver event area to the device, after it was written.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncDriverAreaToDevice() => _memory.Sync(_driverArea, AreaSize, DmaSync.PreWrite);

    /// <summary>Device event area from the device, before it is read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncDeviceAreaFromDevice() => _memory.Sync(_deviceArea, AreaSize, DmaSync.PostRead);

    /// <summary>Device event area back to the device, after it was read.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void SyncDeviceAreaToDevice() => _memory.Sync(_deviceArea, AreaSize, DmaSync.PreRead);

    /// <summary>Both zeroed areas to the device, before the queue is enabled.</summary>
    internal void SyncInitially()
    {
        SyncDriverAreaToDevice();
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PreWrite);
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PostWrite);
        SyncDeviceAreaToDevice();
    }
}
