using System.Collections.Generic;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>What became of each feature in the negotiation with a device.</summary>
public sealed class FeatureReport
{
    private readonly VirtioTransport _transport;
    private readonly ulong _offered;
    private readonly ulong _implemented;
    private readonly ulong _refused;
    private readonly ulong _accepted;

    /// <summary>Tells about a negotiation.</summary>
    /// <param name="transport">The way to the device.</param>
    /// <param name="offered">What the device offered.</param>
    /// <param name="implemented">What the driver has.</param>
    /// <param name="refused">What the driver has, but did not want of this device.</param>
    /// <param name="accepted">What came of it.</param>
    internal FeatureReport(
        VirtioTransport transport, ulong offered, ulong implemented, ulong refused, ulong accepted)
    {
        _transport = transport;
        _offered = offered;
        _implemented = implemented;
        _refused = refused;
        _accepted = accepted;
    }

    /// <summary>The names of the features of which this became, lowest bit first.</summary>
    public string[] NamesOf(FeatureFate fate)
    {
        List<string> names = new List<string>();
        for (int bit = 0; bit < FeatureNames.BitCount; bit++)
        {
            ulong mask = 1UL << bit;
            if (((_offered | _implemented) & mask) != 0 && FateOf(mask) == fate)
            {
                names.Add(FeatureNames.NameOf(_transport.DeviceType, bit));
            }
        }

        return names.ToArray();
    }

    private FeatureFate FateOf(ulong mask)
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

        if ((_transport.SupportedFeatures & mask) == 0)
        {
            return FeatureFate.NotOnTransport;
        }

        ulong possible = _offered & _implemented & ~_refused & _transport.SupportedFeatures;
        ulong sensible = FeatureDependencies.Reduce(_transport.DeviceType, possible);
        return (sensible & mask) == 0 ? FeatureFate.NeedsAnother : FeatureFate.NotConfirmed;
    }
}
