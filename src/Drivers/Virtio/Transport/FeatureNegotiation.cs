using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// The one place where features are negotiated: steps 4 to 6 of the initialisation sequence (virtio 1.4, 2.2 and
/// 3.1.1).
/// </summary>
/// <remarks>
/// What is accepted is what the device offers, the driver implements and the transport carries, without the bits that
/// need another one that is not among them. So the packed format is used where both sides have it and the split format
/// otherwise. Feature words from the third on are read and written only for a driver that has a use for one of their
/// bits: they are zero after a reset, and minimal devices know two words only.
/// </remarks>
public static class FeatureNegotiation
{
    /// <summary>Reads the first 64 feature bits that the device offers.</summary>
    public static Features ReadOffered(VirtioTransport transport)
    {
        uint low = transport.ReadDeviceFeatures(0);
        uint high = transport.ReadDeviceFeatures(1);
        return (Features)(((ulong)high << 32) | low);
    }

    /// <summary>Reads feature bits 64 to 127 that the device offers.</summary>
    /// <param name="transport">The way to the device.</param>
    /// <param name="low">What <see cref="ReadOffered"/> read.</param>
    /// <returns>Nothing where the device shows its first words again, because it looks at one bit of the select.
    /// </returns>
    public static HighFeatures ReadOfferedHigh(VirtioTransport transport, Features low)
    {
        uint third = transport.ReadDeviceFeatures(2);
        uint fourth = transport.ReadDeviceFeatures(3);
        ulong high = ((ulong)fourth << 32) | third;
        return high == (ulong)low ? HighFeatures.None : (HighFeatures)high;
    }

    /// <summary>As the other one, for a driver that has no use for bits from 64 on.</summary>
    public static Failure? Accept(
        VirtioTransport transport,
        DeviceType type,
        Features offered,
        Features implemented,
        Features required,
        out Features accepted) =>
        Accept(transport, type, offered, implemented, required, HighFeatures.None, out accepted, out _);

    /// <summary>Accepts features and has the device confirm them.</summary>
    /// <param name="transport">The way to a device whose status has ACKNOWLEDGE and DRIVER.</param>
    /// <param name="type">What the device is.</param>
    /// <param name="offered">What <see cref="ReadOffered"/> read.</param>
    /// <param name="implemented">
    /// What the driver implements. RING_PACKED is to be among it for a driver that has the packed format.
    /// </param>
    /// <param name="required">
    /// What the driver cannot do without; it counts as implemented. VERSION_1 always does (virtio 1.4, 6.1).
    /// </param>
    /// <param name="possibleHigh">Which bits from 64 on are both offered and implemented.</param>
    /// <param name="accepted">What was accepted.</param>
    /// <param name="acceptedHigh">What of <paramref name="possibleHigh"/> was accepted.</param>
    /// <returns>Null, or why the device cannot be driven; then FEATURES_OK was refused or not tried.</returns>
    public static Failure? Accept(
        VirtioTransport transport,
        DeviceType type,
        Features offered,
        Features implemented,
        Features required,
        HighFeatures possibleHigh,
        out Features accepted,
        out HighFeatures acceptedHigh)
    {
        accepted = Features.None;
        acceptedHigh = HighFeatures.None;
        Features needed = required | Features.Version1;
        Features possible = offered & (implemented | needed) & transport.SupportedFeatures;
        Features wanted = type.WithoutUnmetNeeds(possible);
        Features missing = needed & ~wanted;
        if (missing != 0)
        {
            return new Failure(DescribeMissing(type, missing));
        }

        transport.WriteDriverFeatures(0, (uint)wanted);
        transport.WriteDriverFeatures(1, (uint)((ulong)wanted >> 32));
        HighFeatures wantedHigh = type.WithoutUnmetNeeds(possibleHigh, wanted);
        if (possibleHigh != HighFeatures.None)
        {
            transport.WriteDriverFeatures(2, (uint)wantedHigh);
            transport.WriteDriverFeatures(3, (uint)((ulong)wantedHigh >> 32));
        }

        transport.Status |= DeviceStatus.FeaturesOk;
        if ((transport.Status & DeviceStatus.FeaturesOk) == 0)
        {
            return new Failure("did not accept the features " + string.Join(" ", type.NamesOf(wanted, wantedHigh)));
        }

        transport.OnNegotiated(wanted);
        accepted = wanted;
        acceptedHigh = wantedHigh;
        return null;
    }

    private static string DescribeMissing(DeviceType type, Features missing)
    {
        if ((missing & Features.Version1) != 0)
        {
            return "offers the legacy interface only (no VERSION_1)";
        }

        return (missing & Features.RingPacked) != 0
            ? "offers no packed ring"
            : "does not offer the features " + string.Join(" ", type.NamesOf(missing));
    }
}
