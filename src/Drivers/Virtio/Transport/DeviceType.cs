using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal.Text;
using VirtioGuest.Pci;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// What the specification says of a device type: its number, and what its feature bits are called and need of each
/// other (virtio 1.4, 5 and 6).
/// </summary>
public abstract class DeviceType
{
    /// <summary>How many feature bits there are names for.</summary>
    public const int FeatureCount = 128;

    /// <summary>The first bit of <see cref="HighFeatures"/>.</summary>
    public const int FirstHighFeature = 64;

    /// <summary>Describes a device type.</summary>
    /// <param name="id">The virtio device ID, one of <see cref="DeviceTypes"/>.</param>
    protected DeviceType(ushort id)
    {
        Id = id;
    }

    /// <summary>The virtio device ID.</summary>
    public ushort Id { get; }

    /// <summary>The short name that people know the type by, for example <c>virtio-blk</c>.</summary>
    public string Name => DeviceTypes.NameOf(Id);

    /// <summary>
    /// What the specification calls a feature bit, without the prefix <c>VIRTIO_F_</c> or that of the type; <c>bit
    /// N</c> where it has no name.
    /// </summary>
    public string NameOf(int bit) =>
        NameOfCommonFeature(bit) ?? NameOfFeature(bit) ?? "bit " + DecimalText.Of((ulong)bit);

    /// <summary>The names of all bits that are set, lowest first.</summary>
    public string[] NamesOf(Features features, HighFeatures high = HighFeatures.None)
    {
        List<string> names = new List<string>();
        for (int bit = 0; bit < FeatureCount; bit++)
        {
            if (Contains(features, high, bit))
            {
                names.Add(NameOf(bit));
            }
        }

        return names.ToArray();
    }

    /// <summary>Whether a bit, 0 to 127, is set.</summary>
    internal static bool Contains(Features features, HighFeatures high, int bit) =>
        ((bit < FirstHighFeature ? (ulong)features : (ulong)high) & (1UL << (bit % FirstHighFeature))) != 0;

    /// <summary>
    /// The bits of a set without those that need a bit that is not in it. A driver must not accept those, whatever the
    /// device offers (virtio 1.4, 2.2.1).
    /// </summary>
    public virtual Features WithoutUnmetNeeds(Features features) => features;

    /// <summary>The same for bits from 64 on.</summary>
    /// <param name="high">The bits.</param>
    /// <param name="features">Those below 64, without what has unmet needs.</param>
    public virtual HighFeatures WithoutUnmetNeeds(HighFeatures high, Features features) => high;

    /// <summary>The name of a bit of the device type, or null where the specification has none.</summary>
    protected virtual string? NameOfFeature(int bit) => null;

    private static string? NameOfCommonFeature(int bit) => bit switch
    {
        24 => "NOTIFY_ON_EMPTY",
        27 => "ANY_LAYOUT",
        28 => "INDIRECT_DESC",
        29 => "EVENT_IDX",
        30 => "UNUSED",
        32 => "VERSION_1",
        33 => "ACCESS_PLATFORM",
        34 => "RING_PACKED",
        35 => "IN_ORDER",
        36 => "ORDER_PLATFORM",
        37 => "SR_IOV",
        38 => "NOTIFICATION_DATA",
        39 => "NOTIF_CONFIG_DATA",
        40 => "RING_RESET",
        41 => "ADMIN_VQ",
        43 => "SUSPEND",
        _ => null,
    };
}

/// <summary>The virtio device IDs (virtio 1.4, 5).</summary>
public static class DeviceTypes
{
    /// <summary>Reserved: no device.</summary>
    public const ushort None = 0;

    /// <summary>Network device (virtio 1.4, 5.1).</summary>
    public const ushort Network = 1;

    /// <summary>Block device (virtio 1.4, 5.2).</summary>
    public const ushort Block = 2;

    /// <summary>Entropy device (virtio 1.4, 5.4).</summary>
    public const ushort Entropy = 4;

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
            case Entropy:
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
