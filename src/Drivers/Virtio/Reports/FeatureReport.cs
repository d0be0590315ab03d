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
    private readonly HighFeatures _offeredHigh;
    private readonly HighFeatures _implementedHigh;
    private readonly HighFeatures _acceptedHigh;

    internal FeatureReport(VirtioDevice device)
    {
        _type = device.Driver;
        _supported = device.Transport.SupportedFeatures;
        _offered = device.Offered;
        _implemented = device.Implemented;
        _refused = device.Refused;
        _accepted = device.Features;
        _offeredHigh = device.OfferedHigh;
        _implementedHigh = device.ImplementedHigh;
        _acceptedHigh = device.HighFeatures;
    }

    /// <summary>The names of the features of which this became, lowest bit first.</summary>
    public string[] NamesOf(FeatureFate fate)
    {
        List<string> names = new List<string>();
        for (int bit = 0; bit < DeviceType.FeatureCount; bit++)
        {
            bool isKnown = DeviceType.Contains(_offered | _implemented, _offeredHigh | _implementedHigh, bit);
            if (isKnown && FateOf(bit) == fate)
            {
                names.Add(_type.NameOf(bit));
            }
        }

        return names.ToArray();
    }

    private FeatureFate FateOf(int bit)
    {
        if (DeviceType.Contains(_accepted, _acceptedHigh, bit))
        {
            return FeatureFate.Accepted;
        }

        if (!DeviceType.Contains(_offered, _offeredHigh, bit))
        {
            return FeatureFate.NotOffered;
        }

        if (!DeviceType.Contains(_implemented, _implementedHigh, bit))
        {
            return FeatureFate.NotImplemented;
        }

        if (DeviceType.Contains(_refused, HighFeatures.None, bit))
        {
            return FeatureFate.BadConfiguration;
        }

        if (bit < DeviceType.FirstHighFeature && !DeviceType.Contains(_supported, HighFeatures.None, bit))
        {
            return FeatureFate.NotOnTransport;
        }

        Features sensible = _type.WithoutUnmetNeeds(_offered & _implemented & ~_refused & _supported);
        HighFeatures sensibleHigh = _type.WithoutUnmetNeeds(_offeredHigh & _implementedHigh, sensible);
        return DeviceType.Contains(sensible, sensibleHigh, bit) ? FeatureFate.NotConfirmed : FeatureFate.NeedsAnother;
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
