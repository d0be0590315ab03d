using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Devices.Block;

/// <summary>
/// The driver of block devices, with their feature bits (virtio 1.4, 5.2.3): what they are called, and which are
/// implemented.
/// </summary>
internal sealed class BlockDriver : VirtioDriver
{
    internal const Features SizeMax = (Features)(1UL << 1);
    internal const Features SegMax = (Features)(1UL << 2);
    internal const Features Geometry = (Features)(1UL << 4);
    internal const Features ReadOnly = (Features)(1UL << 5);
    internal const Features BlkSize = (Features)(1UL << 6);
    internal const Features Flush = (Features)(1UL << 9);
    internal const Features Topology = (Features)(1UL << 10);
    internal const Features ConfigWce = (Features)(1UL << 11);
    internal const Features MultiQueue = (Features)(1UL << 12);
    internal const Features Discard = (Features)(1UL << 13);
    internal const Features WriteZeroes = (Features)(1UL << 14);
    internal const Features Lifetime = (Features)(1UL << 15);
    internal const Features SecureErase = (Features)(1UL << 16);

    /// <summary>Read and told of, but not accepted: that would take a driver that writes zones in order.</summary>
    internal const Features Zoned = (Features)(1UL << 17);

    internal const Features Implemented = SizeMax | SegMax | Geometry | ReadOnly | BlkSize | Flush | Topology
        | ConfigWce | MultiQueue | Discard | WriteZeroes | Lifetime | SecureErase;

    internal BlockDriver()
        : base(DeviceTypes.Block, "disk")
    {
    }

    /// <inheritdoc/>
    public override VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner) =>
        new VirtioBlock(this, transport, name, owner);

    /// <inheritdoc/>
    /// <remarks>A cache that can be switched on has to be one that can be flushed (virtio 1.4, 5.2.5.2).</remarks>
    public override Features WithoutUnmetNeeds(Features features) =>
        (features & Flush) == 0 ? features & ~ConfigWce : features;

    /// <inheritdoc/>
    protected override string? NameOfFeature(int bit) => bit switch
    {
        0 => "BARRIER",
        1 => "SIZE_MAX",
        2 => "SEG_MAX",
        4 => "GEOMETRY",
        5 => "RO",
        6 => "BLK_SIZE",
        7 => "SCSI",
        9 => "FLUSH",
        10 => "TOPOLOGY",
        11 => "CONFIG_WCE",
        12 => "MQ",
        13 => "DISCARD",
        14 => "WRITE_ZEROES",
        15 => "LIFETIME",
        16 => "SECURE_ERASE",
        17 => "ZONED",
        _ => null,
    };
}
