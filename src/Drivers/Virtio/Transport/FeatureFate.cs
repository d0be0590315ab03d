namespace VirtioGuest.Drivers.Virtio.Transport;

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
