using VirtioGuest.Devices.Memory;

namespace VirtioGuest.Simulation;

/// <summary>A <see cref="WeakMemory"/> as a device sees it.</summary>
internal sealed unsafe class WeakGuestMemory : GuestMemory
{
    private readonly WeakMemory _memory;

    /// <summary>Creates the view.</summary>
    internal WeakGuestMemory(WeakMemory memory)
    {
        _memory = memory;
    }

    /// <inheritdoc/>
    public override bool TryTranslate(ulong deviceAddress, ulong length, GuestAccess access, out byte* pointer)
    {
        pointer = length == 0 ? null : _memory.DeviceView(deviceAddress, length);
        return pointer != null;
    }
}
