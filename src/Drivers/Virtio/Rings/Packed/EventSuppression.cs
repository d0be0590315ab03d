using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings.Packed;

/// <summary>
/// The two event suppression areas of a packed queue in shared memory: <c>{ le16 desc; le16 flags }</c> each
/// (virtio 1.4, 2.8.10 and 2.8.14).
/// </summary>
/// <remarks>
/// An area is written and read as one word of 32 bits with <c>desc</c> in its lower half. So flags that name a
/// descriptor never come with the name of another one, and no order among two accesses is needed.
/// </remarks>
internal readonly unsafe struct EventSuppression
{
    /// <summary>Every event is wanted.</summary>
    internal const uint Enable = 0U << FlagsShift;

    /// <summary>No event is wanted.</summary>
    internal const uint Disable = 1U << FlagsShift;

    /// <summary>The event of the descriptor in the lower half is wanted.</summary>
    internal const uint Descriptor = 2U << FlagsShift;

    /// <summary>The bits of <c>flags</c> that are not reserved.</summary>
    internal const uint FlagsMask = 3U << FlagsShift;

    private const int FlagsShift = 16;
    private const uint AreaSize = 4;

    private readonly DmaMemory _memory;
    private readonly byte* _driver;
    private readonly byte* _device;
    private readonly uint _driverArea;
    private readonly uint _deviceArea;
    private readonly bool _isCoherent;

    /// <summary>Lays the areas over a zeroed region, at offsets that are multiples of 4.</summary>
    internal EventSuppression(DmaMemory memory, uint driverArea, uint deviceArea)
    {
        _memory = memory;
        _driver = memory.Address + driverArea;
        _device = memory.Address + deviceArea;
        _driverArea = driverArea;
        _deviceArea = deviceArea;
        _isCoherent = memory.IsCoherent;
    }

    /// <summary>Writes which used buffer notifications the driver wants, and hands that over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void StoreDriverArea(uint value)
    {
        if (_isCoherent)
        {
            SharedMemory.Store32(_driver, 0, value);
        }
        else
        {
            HandDriverAreaOver(value);
        }
    }

    /// <summary>Reads which available buffer notifications the device wants; the area stays the device's.</summary>
    internal uint LoadDeviceArea()
    {
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PostRead, PackedSites.DeviceEventFromDevice);
        uint value = LoadCoherentDeviceArea();
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PreRead, PackedSites.DeviceEventToDevice);
        return value;
    }

    /// <summary>The same in coherent memory: nothing is handed over.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal uint LoadCoherentDeviceArea() => SharedMemory.Load32(_device, 0);

    /// <summary>Both areas from a device that was reset.</summary>
    internal void SyncLeftFromDevice()
    {
        _memory.Sync(_driverArea, AreaSize, DmaSync.PostWrite, PackedSites.LeftDriverEventFromDevice);
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PostRead, PackedSites.LeftDeviceEventFromDevice);
    }

    /// <summary>Both zeroed areas to the device, before the queue is enabled.</summary>
    internal void SyncInitially()
    {
        _memory.Sync(_driverArea, AreaSize, DmaSync.PreWrite, PackedSites.ClearedDriverEventToDevice);
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PreWrite, PackedSites.ClearedDeviceEventToDevice);
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PostWrite, PackedSites.ClearedDeviceEventFromDevice);
        _memory.Sync(_deviceArea, AreaSize, DmaSync.PreRead, PackedSites.DeviceEventToDeviceInitially);
    }

    // What is not needed on coherent memory stays out of line, so that nothing but a branch is in the way there.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void HandDriverAreaOver(uint value)
    {
        _memory.Sync(_driverArea, AreaSize, DmaSync.PostWrite, PackedSites.DriverEventFromDevice);
        SharedMemory.Store32(_driver, 0, value);
        _memory.Sync(_driverArea, AreaSize, DmaSync.PreWrite, PackedSites.DriverEventToDevice);
    }
}
