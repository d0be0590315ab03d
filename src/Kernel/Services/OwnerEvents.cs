using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Kernel.Services;

/// <summary>
/// Leads interrupts to the owner of a device, which is created after the device that wants to know whom they reach.
/// What comes before goes nowhere.
/// </summary>
internal sealed class OwnerEvents : DeviceEventSink
{
    private Action<ushort>? _onUsedBuffers;
    private Action? _onConfigurationChange;

    /// <summary>Names what the owner does.</summary>
    public void Attach(Action<ushort> onUsedBuffers, Action onConfigurationChange)
    {
        Volatile.Write(ref _onUsedBuffers, onUsedBuffers);
        Volatile.Write(ref _onConfigurationChange, onConfigurationChange);
    }

    /// <inheritdoc/>
    public override void OnUsedBuffers(ushort queueIndex) => Volatile.Read(ref _onUsedBuffers)?.Invoke(queueIndex);

    /// <inheritdoc/>
    public override void OnConfigurationChange() => Volatile.Read(ref _onConfigurationChange)?.Invoke();
}
