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
    internal const Features ReadOnly = (Features)(1UL << 5);
    internal const Features BlkSize = (Features)(1UL << 6);
    internal const Features Flush = (Features)(1UL << 9);

    internal const Features Implemented = SizeMax | SegMax | ReadOnly | BlkSize | Flush;

    internal BlockDriver()
        : base(DeviceTypes.Block, "disk")
    {
    }

    /// <inheritdoc/>
    public override VirtioDevice Create(VirtioTransport transport, string name, DeviceEventSink owner) =>
        new VirtioBlock(this, transport, name, owner);

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
