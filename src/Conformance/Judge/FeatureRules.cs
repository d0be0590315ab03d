using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Conformance.Judge;

/// <summary>What a driver accepts of what a device offers (virtio 1.4, 2.2, 3.1 and 6).</summary>
internal sealed class FeatureRules : RuleSet
{
    private const ulong SingleRootVirtualization = 1UL << 37;
    private const ulong AdministrationQueues = 1UL << 41;
    private const string Place = "driver_feature";

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (access.Writes(Register.DriverFeatures))
        {
            OnWrite(Device.DriverFeaturesSelect, access.Value);
        }
        else if (access.Writes(Register.Status)
            && (access.Value & ~(uint)Device.Status & StatusBit.FeaturesOk) != 0)
        {
            OnAgreed(Device.Accepted);
        }
    }

    private void OnWrite(uint word, uint value)
    {
        bool isFinal = (Device.Status & StatusBit.FeaturesOk) != 0;
        Expect("drv.general.24", !isFinal, Place, $"word {word} was written after FEATURES_OK");
        if (isFinal)
        {
            return;
        }

        uint known = word >= 2 ? DefinedHigh(word) : uint.MaxValue;
        Expect("drv.general.8", (value & ~known) == 0, Place, $"{value:x} was accepted of word {word}");
        bool isRead = (value & known) == 0 || (Device.OfferRead & (1u << (int)word)) != 0;
        Expect("drv.general.7", isRead, Place, $"{value:x} was accepted of word {word}, which was not read");
        if (word == 2 && isRead)
        {
            uint foreign = value & known & ~(uint)Device.OfferedHigh;
            Expect("drv.general.5", foreign == 0, Place, $"{foreign:x} was accepted of word 2 and not offered");
        }
    }

    /// <summary>What there is in a word behind the second: bits 64 to 70 of a network device.</summary>
    private uint DefinedHigh(uint word) => word == 2 && Device.Facts.DeviceType == 1 ? 0x7Fu : 0;

    private void OnAgreed(ulong accepted)
    {
        ulong foreign = accepted & ~Device.Offered & Device.Known;
        Expect("drv.general.5", foreign == 0, Place, $"{foreign:x} was accepted and not offered");
        ulong undefined = accepted & ~Defined();
        Expect("drv.general.8", undefined == 0, Place, $"{undefined:x} means nothing for such a device");
        foreach ((ulong feature, ulong need) in NeedsOf(Device.Facts.DeviceType))
        {
            if ((accepted & feature) != 0)
            {
                bool isMet = (accepted & need) != 0;
                Expect("drv.general.6", isMet, Place, $"{feature:x} was accepted without any of {need:x}");
            }
        }

        Should("drv.general.36", FeatureBit.Version1, "VERSION_1");
        Should("drv.general.38", FeatureBit.AccessPlatform, "ACCESS_PLATFORM");
        Should("drv.general.41", FeatureBit.RingPacked, "RING_PACKED");
        Should("drv.general.42", FeatureBit.OrderPlatform, "ORDER_PLATFORM");
        if (!Device.IsMmio)
        {
            Should("drv.general.48", FeatureBit.NotificationConfigurationData, "NOTIF_CONFIG_DATA");
        }

        if ((Device.Offered & SingleRootVirtualization) != 0)
        {
            bool isLeft = (accepted & SingleRootVirtualization) == 0;
            Expect("drv.general.45", isLeft, Place, $"SR_IOV was accepted of a function without its capability");
        }

        OnAgreedByType(accepted);
    }

    private void OnAgreedByType(ulong accepted)
    {
        if (Device.Facts.DeviceType == 2)
        {
            Should("drv.blk.13", BlockFeature.ReadOnly, "RO");
        }
        else if (Device.Facts.DeviceType == 1)
        {
            Should("drv.net.2", NetFeature.Mac, "MAC");
            Should("drv.net.7", NetFeature.Mtu, "MTU");
            bool hasControl = (accepted & NetFeature.ControlQueue) != 0;
            if ((accepted & NetFeature.HashReport) != 0)
            {
                Expect("drv.net.13", hasControl, Place, $"HASH_REPORT was accepted without CTRL_VQ");
            }

            if ((accepted & NetFeature.ControlReceiveExtra) != 0)
            {
                Expect("drv.net.14", hasControl, Place, $"CTRL_RX_EXTRA was accepted without CTRL_VQ");
            }
        }
    }

    /// <summary>A feature that is accepted wherever it is offered.</summary>
    private void Should(string id, ulong feature, string name)
    {
        if ((Device.Offered & Device.Known & feature) != 0)
        {
            Expect(id, Device.Has(feature), Place, $"{name} was offered and not accepted");
        }
    }

    /// <summary>All bits that mean something for such a device on such a transport.</summary>
    private ulong Defined()
    {
        ulong common = FeatureBit.All | SingleRootVirtualization | AdministrationQueues;
        if (Device.IsMmio)
        {
            common &= ~(FeatureBit.NotificationConfigurationData | SingleRootVirtualization | AdministrationQueues);
        }

        return common | Device.Facts.DeviceType switch
        {
            // Bits 4 and 6 of a network device, 0, 3, 7 and 8 of a disk are none, or of legacy devices.
            1 => 0x0000_0000_00FF_FFAF | (0xFBFFUL << 48) | (3UL << 46),
            2 => 0x0003_FE76,
            4 => 0,
            _ => ulong.MaxValue,
        };
    }

    /// <summary>Features, and those of which each needs at least one (virtio 1.4, 2.2.1 and 5.1.3.1).</summary>
    private static (ulong Feature, ulong Need)[] NeedsOf(int deviceType) => deviceType switch
    {
        1 =>
        [
            (NetFeature.GuestTso4 | NetFeature.GuestTso6, NetFeature.GuestChecksum),
            (NetFeature.GuestUso4 | NetFeature.GuestUso6, NetFeature.GuestChecksum),
            (NetFeature.GuestEcn, NetFeature.GuestTso4 | NetFeature.GuestTso6),
            (NetFeature.HostTso4 | NetFeature.HostTso6 | NetFeature.HostUso, NetFeature.Checksum),
            (NetFeature.HostEcn, NetFeature.HostTso4 | NetFeature.HostTso6),
            (NetFeature.ControlReceive | NetFeature.ControlVlan | NetFeature.GuestAnnounce, NetFeature.ControlQueue),
            (NetFeature.MultipleQueues | NetFeature.ControlMacAddress | NetFeature.Rss, NetFeature.ControlQueue),
            (NetFeature.Coalescing | NetFeature.QueueCoalescing, NetFeature.ControlQueue),
        ],
        _ => [],
    };
}
