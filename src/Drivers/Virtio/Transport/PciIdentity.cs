using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>How a virtio device is recognised on PCI (virtio 1.4, 4.1.2).</summary>
public static class PciIdentity
{
    private const ushort VirtioVendor = 0x1AF4;
    private const ushort FirstTransitional = 0x1000;
    private const ushort FirstModern = 0x1040;
    private const ushort Last = 0x107F;

    /// <summary>Whether a function is a virtio device.</summary>
    /// <param name="function">Any function.</param>
    /// <param name="deviceType">
    /// The virtio device ID: one of <see cref="DeviceTypes"/>, or one that those do not name; 0 for a transitional
    /// device ID that no type has.
    /// </param>
    public static bool TryIdentify(PciFunction function, out ushort deviceType)
    {
        ushort id = function.DeviceId;
        deviceType = DeviceTypes.None;
        if (function.VendorId != VirtioVendor || id < FirstTransitional || id > Last)
        {
            return false;
        }

        deviceType = id >= FirstModern ? (ushort)(id - FirstModern) : TypeOfTransitional(id);
        return true;
    }

    /// <summary>Whether a virtio device also has the legacy interface (virtio 1.4, 4.1.2.1).</summary>
    public static bool IsTransitional(PciFunction function) => function.DeviceId < FirstModern;

    private static ushort TypeOfTransitional(ushort deviceId) => deviceId switch
    {
        0x1000 => DeviceTypes.Network,
        0x1001 => DeviceTypes.Block,
        0x1002 => 5,
        0x1003 => 3,
        0x1004 => 8,
        0x1005 => 4,
        0x1009 => 9,
        _ => DeviceTypes.None,
    };
}
