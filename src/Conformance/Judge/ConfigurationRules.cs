using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Conformance.Judge;

/// <summary>The device's own configuration (virtio 1.4, 2.5, 4.1.3.1, 5.1.4 and 5.2.4).</summary>
internal sealed class ConfigurationRules : RuleSet
{
    private const uint Writeback = 32;

    private static readonly Field[] s_block =
    [
        new Field(0, 8, 0),
        new Field(8, 4, BlockFeature.SizeMaximum),
        new Field(12, 4, BlockFeature.SegmentMaximum),
        new Field(16, 2, BlockFeature.Geometry),
        new Field(18, 1, BlockFeature.Geometry),
        new Field(19, 1, BlockFeature.Geometry),
        new Field(20, 4, BlockFeature.BlockSize),
        new Field(24, 1, BlockFeature.Topology),
        new Field(25, 1, BlockFeature.Topology),
        new Field(26, 2, BlockFeature.Topology),
        new Field(28, 4, BlockFeature.Topology),
        new Field(Writeback, 1, BlockFeature.ConfigWce),
        new Field(34, 2, BlockFeature.MultiQueue),
        new Field(36, 4, BlockFeature.Discard),
        new Field(40, 4, BlockFeature.Discard),
        new Field(44, 4, BlockFeature.Discard),
        new Field(48, 4, BlockFeature.WriteZeroes),
        new Field(52, 4, BlockFeature.WriteZeroes),
        new Field(56, 1, BlockFeature.WriteZeroes),
        new Field(60, 4, BlockFeature.SecureErase),
        new Field(64, 4, BlockFeature.SecureErase),
        new Field(68, 4, BlockFeature.SecureErase),
        new Field(72, 4, BlockFeature.Zoned),
        new Field(76, 4, BlockFeature.Zoned),
        new Field(80, 4, BlockFeature.Zoned),
        new Field(84, 4, BlockFeature.Zoned),
        new Field(88, 4, BlockFeature.Zoned),
        new Field(92, 1, BlockFeature.Zoned),
    ];

    private static readonly Field[] s_net =
    [
        new Field(0, 1, NetFeature.Mac),
        new Field(1, 1, NetFeature.Mac),
        new Field(2, 1, NetFeature.Mac),
        new Field(3, 1, NetFeature.Mac),
        new Field(4, 1, NetFeature.Mac),
        new Field(5, 1, NetFeature.Mac),
        new Field(6, 2, NetFeature.Status),
        new Field(8, 2, NetFeature.ManyQueues),
        new Field(10, 2, NetFeature.Mtu),
        new Field(12, 4, NetFeature.SpeedDuplex),
        new Field(16, 1, NetFeature.SpeedDuplex),
        new Field(17, 1, NetFeature.Rss | NetFeature.HashReport),
        new Field(18, 2, NetFeature.Rss),
        new Field(20, 4, NetFeature.Rss | NetFeature.HashReport),
        new Field(24, 4, NetFeature.HashTunnel),
    ];

    private uint? _generation;
    private uint? _half;
    private bool _isPairOpen;
    private bool _isPairStale;

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (access.Register == Register.Configuration)
        {
            OnConfiguration(access);
        }
        else if (access.Reads(Register.Generation))
        {
            OnGeneration(access.Value);
        }
        else if (access.Writes(Register.Status))
        {
            OnStatus((byte)access.Value);
        }
    }

    /// <inheritdoc/>
    public override void OnRest() => EndPair();

    private void OnConfiguration(Access access)
    {
        if (access.IsWrite)
        {
            OnWrite(access);
        }

        Field? field = FieldAt(access.Offset);
        if (field is not { } found)
        {
            return;
        }

        bool isHalf = found.Width == 8 && access.Width == 4 && access.Offset % 4 == 0;
        bool isExact = access.Width == found.Width && access.Offset == found.Offset;
        Expect(
            Device.IsMmio ? "drv.mmio.5" : "drv.pci.5",
            isHalf || isExact,
            $"configuration+{access.Offset:x}",
            $"a field of {8 * found.Width} bits was accessed with {8 * access.Width} bits at {access.Offset:x}");
        if (found.Feature != 0 && (Device.Known & found.Feature) != 0)
        {
            bool isOffered = (Device.Offered & found.Feature) != 0;
            Expect(
                "drv.general.15",
                isOffered,
                $"configuration+{access.Offset:x}",
                $"a field was accessed whose feature {found.Feature:x} is not offered");
        }

        if (!access.IsWrite && Device.Facts.DeviceType == 2 && found.Offset == Writeback)
        {
            bool isAgreed = (Device.Status & StatusBit.FeaturesOk) != 0;
            Expect("drv.blk.4", isAgreed, "writeback", $"writeback was read at status {Device.Status:x}");
        }

        if (!access.IsWrite && isHalf)
        {
            OnHalf(access.Offset);
        }
    }

    private void OnWrite(Access access)
    {
        string place = $"configuration+{access.Offset:x}";
        bool isAgreed = (Device.Status & StatusBit.FeaturesOk) != 0;
        Expect("drv.general.23", isAgreed, place, $"the configuration was written at status {Device.Status:x}");
        if (Device.Has(FeatureBit.Suspend))
        {
            Expect("drv.general.34", !Device.IsSuspended, place, $"the configuration was written while suspended");
        }

        if (Device.Facts.DeviceType == 1)
        {
            Expect("drv.net.1", false, place, $"the configuration of a network device was written");
        }
    }

    /// <summary>
    /// One half of a 64-bit field is read. Both together need the generation before and after them, and to be read
    /// again where it changed in between.
    /// </summary>
    private void OnHalf(uint offset)
    {
        if (_half is uint other && other != offset)
        {
            _isPairOpen = true;
            _isPairStale = _generation is null;
            _half = null;
        }
        else
        {
            _half = offset;
        }
    }

    private void OnGeneration(uint value)
    {
        if (_isPairOpen)
        {
            _isPairStale |= _generation != value;
            if (!_isPairStale)
            {
                Expect("drv.general.14", true, "config_generation", $"");
                _isPairOpen = false;
            }
        }

        _generation = value;
        _half = null;
    }

    private void OnStatus(byte value)
    {
        if ((value & ~Device.Status & StatusBit.DriverOk) != 0 || value == 0)
        {
            EndPair();
        }

        if (value == 0)
        {
            _generation = null;
            _half = null;
        }

        if (Device.Facts.DeviceType == 1 && (value & ~Device.Status & StatusBit.DriverOk) != 0)
        {
            Expect("drv.net.1", true, "configuration", $"");
        }
    }

    private void EndPair()
    {
        if (_isPairOpen)
        {
            Expect(
                "drv.general.14",
                false,
                "configuration",
                $"a field of 64 bits was used that was not read between two equal values of the generation");
            _isPairOpen = false;
        }
    }

    private Field? FieldAt(uint offset)
    {
        Field[] fields = Device.Facts.DeviceType switch
        {
            1 => s_net,
            2 => s_block,
            _ => [],
        };
        foreach (Field each in fields)
        {
            if (offset >= each.Offset && offset < each.Offset + (uint)each.Width)
            {
                return each;
            }
        }

        return null;
    }

    private readonly record struct Field(uint Offset, int Width, ulong Feature);
}
