namespace VirtioGuest.Drivers.Virtio.Transport;

/// <summary>
/// The one place where features are negotiated: steps 4 to 6 of the initialisation sequence (virtio 1.4, 2.2 and
/// 3.1.1).
/// </summary>
/// <remarks>
/// What is accepted is what the device offers and the stack implements. A bit that neither this place nor the driver
/// names can therefore not be accepted.
/// </remarks>
public static class FeatureNegotiation
{
    /// <summary>What the stack cannot do without.</summary>
    public const ulong Required = FeatureBits.Version1 | FeatureBits.RingPacked;

    /// <summary>Reads the 64 feature bits that the device offers.</summary>
    /// <remarks>
    /// Bits from 64 on are not asked for: the stack implements none of them, and minimal devices know two words only.
    /// </remarks>
    public static ulong ReadOffered(VirtioTransport transport)
    {
        uint low = transport.ReadDeviceFeatures(0);
        uint high = transport.ReadDeviceFeatures(1);
        return ((ulong)high << 32) | low;
    }

    /// <summary>Accepts features and has the device confirm them.</summary>
    /// <param name="transport">The way to a device whose status has ACKNOWLEDGE and DRIVER.</param>
    /// <param name="offered">What <see cref="ReadOffered"/> read.</param>
    /// <param name="implemented">What the driver implements of its device type's bits.</param>
    /// <param name="accepted">What was accepted.</param>
    /// <returns>Null, or why the device cannot be driven; then FEATURES_OK was refused or not tried.</returns>
    public static string? Accept(VirtioTransport transport, ulong offered, ulong implemented, out ulong accepted)
    {
        accepted = 0;
        if ((offered & FeatureBits.Version1) == 0)
        {
            return "offers the legacy interface only (no VERSION_1)";
        }

        if ((offered & FeatureBits.RingPacked) == 0)
        {
            return "offers no packed ring";
        }

        ulong wanted = offered & (implemented | Required);
        transport.WriteDriverFeatures(0, (uint)wanted);
        transport.WriteDriverFeatures(1, (uint)(wanted >> 32));
        transport.Status |= DeviceStatus.FeaturesOk;
        if ((transport.Status & DeviceStatus.FeaturesOk) == 0)
        {
            string[] names = FeatureNames.NamesOf(transport.DeviceType, wanted);
            return "did not accept the features " + string.Join(" ", names);
        }

        accepted = wanted;
        return null;
    }
}
