namespace VirtioGuest.Devices;

/// <summary>Something that a driver did against the specification, as its device saw it.</summary>
/// <param name="Rule">Which rule it broke.</param>
/// <param name="Text">What it did, in words.</param>
public readonly record struct DriverFinding(DriverRule Rule, string Text);

/// <summary>A rule for drivers whose breach a device can see.</summary>
public enum DriverRule
{
    /// <summary>A driver clears no status bit but by a reset (virtio 1.4, 2.1.1).</summary>
    StatusBitCleared,

    /// <summary>Steps of the initialisation are in order (virtio 1.4, 3.1.1).</summary>
    InitialisationOrder,

    /// <summary>Only offered features are accepted, and what they depend on (virtio 1.4, 2.2.1).</summary>
    FeatureNotAcceptable,

    /// <summary>No feature is accepted after FEATURES_OK (virtio 1.4, 3.1.1).</summary>
    FeatureAfterFeaturesOk,

    /// <summary>
    /// A queue's size is one that its format and the device allow (virtio 1.4, 4.1.4.3.2 and 4.2.2.2).
    /// </summary>
    QueueSize,

    /// <summary>A queue is not changed, enabled again or disabled while enabled (virtio 1.4, 4.1.4.3.2).</summary>
    QueueEnabled,

    /// <summary>A queue that does not exist is left alone.</summary>
    QueueAbsent,

    /// <summary>A queue's parts are aligned and in memory (virtio 1.4, 2.7.1 and 2.8.10.1).</summary>
    QueueAreas,

    /// <summary>Queues are reset only with RING_RESET, and one that is enabled (virtio 1.4, 2.6.1).</summary>
    QueueReset,

    /// <summary>No notification before DRIVER_OK (virtio 1.4, 3.1.1), nor while suspended (3.4.1).</summary>
    NotificationTime,

    /// <summary>A notification has its width, address and value (virtio 1.4, 4.1.5.2.1).</summary>
    NotificationForm,

    /// <summary>
    /// A register is accessed at its own offset and width, in its direction (virtio 1.4, 4.1.3.1, 4.2.2.2).
    /// </summary>
    RegisterAccess,

    /// <summary>A vector is one of the table's, or none (virtio 1.4, 4.1.5.1.2.2).</summary>
    VectorRange,

    /// <summary>Read-only configuration is not written, nor any while suspended (virtio 1.4, 3.4.1).</summary>
    ConfigurationWrite,

    /// <summary>Descriptor chains have the form that their ring demands.</summary>
    ChainForm,

    /// <summary>Requests have the form that their device type demands.</summary>
    RequestForm,

    /// <summary>SUSPEND is set only where negotiated and running (virtio 1.4, 3.4.1).</summary>
    SuspendTime,
}
