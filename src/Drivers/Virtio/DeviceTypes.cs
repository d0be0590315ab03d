using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio;

/// <summary>The virtio device IDs (virtio 1.4, 5).</summary>
public static class DeviceTypes
{
    /// <summary>Reserved: no device.</summary>
    public const ushort None = 0;

    /// <summary>Network device (virtio 1.4, 5.1).</summary>
    public const ushort Network = 1;

    /// <summary>Block device (virtio 1.4, 5.2).</summary>
    public const ushort Block = 2;

    /// <summary>The short name that people know a type by, for example <c>virtio-blk</c>.</summary>
    public static string NameOf(ushort type)
    {
        switch (type)
        {
            case Network:
                return "virtio-net";
            case Block:
                return "virtio-blk";
            case 3:
                return "virtio-console";
            case 4:
                return "virtio-rng";
            case 5:
            case 13:
                return "virtio-balloon";
            case 8:
                return "virtio-scsi";
            case 9:
                return "virtio-9p";
            case 16:
                return "virtio-gpu";
            case 17:
                return "virtio-rtc";
            case 18:
                return "virtio-input";
            case 19:
                return "virtio-vsock";
            case 20:
                return "virtio-crypto";
            case 23:
                return "virtio-iommu";
            case 24:
                return "virtio-mem";
            case 25:
                return "virtio-sound";
            case 26:
                return "virtio-fs";
            case 27:
                return "virtio-pmem";
            default:
                return "virtio device type " + DecimalText.Of(type);
        }
    }
}
