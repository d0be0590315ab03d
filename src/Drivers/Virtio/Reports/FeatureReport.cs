using System.Collections.Generic;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Reports;

/// <summary>What became of each feature in the negotiation with a device.</summary>
public sealed class FeatureReport
{
    private readonly DeviceType _type;
    private readonly Features _supported;
    private readonly Features _offered;
    private readonly Features _implemented;
    private readonly Features _refused;
    private readonly Features _accepted;

    internal FeatureReport(VirtioDevice device)
    {
        _type = device.Driver;
        _supported = device.Transport.SupportedFeatures;
        _offered = device.Offered;
        _implemented = device.Implemented;
        _refused = device.Refused;
        _accepted = device.Features;
    }

    /// <summary>The names of the features of which this became, lowest bit first.</summary>
    public string[] NamesOf(FeatureFate fate)
    {
        List<string> names = new List<string>();
        for (int bit = 0; bit < DeviceType.FeatureCount; bit++)
        {
            Features mask = (Features)(1UL << bit);
            if (((_offered | _implemented) & mask) != 0 && FateOf(mask) == fate)
            {
                names.Add(_type.NameOf(bit));
            }
        }

        return names.ToArray();
    }

    private FeatureFate FateOf(Features mask)
    {
        if ((_accepted & mask) != 0)
        {
            return FeatureFate.Accepted;
        }

        if ((_offered & mask) == 0)
        {
            return FeatureFate.NotOffered;
        }

        if ((_implemented & mask) == 0)
        {
            return FeatureFate.NotImplemented;
        }

        if ((_refused & mask) != 0)
        {
            return FeatureFate.BadConfiguration;
        }

        if ((_supported & mask) == 0)
        {
            return FeatureFate.NotOnTransport;
        }

        Features possible = _offered & _implemented & ~_refused & _supported;
        Features sensible = _type.WithoutUnmetNeeds(possible);
        return (sensible & mask) == 0 ? FeatureFate.NeedsAnother : FeatureFate.NotConfirmed;
    }
}

/// <summary>What became of a feature in a negotiation, and why.</summary>
public enum FeatureFate
{
    /// <summary>The device offered it and the driver accepted it.</summary>
    Accepted = 0,

    /// <summary>Offered; the driver does not implement it.</summary>
    NotImplemented = 1,

    /// <summary>Offered; the transport, or what the device has of it, does not carry it.</summary>
    NotOnTransport = 2,

    /// <summary>Offered; it needs another feature that was not accepted.</summary>
    NeedsAnother = 3,

    /// <summary>Offered; the device's configuration makes no sense of it.</summary>
    BadConfiguration = 4,

    /// <summary>Offered and wanted; the device did not let the negotiation end.</summary>
    NotConfirmed = 5,

    /// <summary>Not offered; the driver would have had it.</summary>
    NotOffered = 6,
}
