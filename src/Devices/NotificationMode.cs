namespace VirtioGuest.Devices;

/// <summary>
/// When a device wants to hear of available buffers. It serves a queue only after it has heard of it.
/// </summary>
public enum NotificationMode
{
    /// <summary>
    /// It asks again after every buffer, so that nothing but the driver's own batching saves a notification.
    /// </summary>
    Always = 0,

    /// <summary>It asks to be left alone from a notification on until it has found nothing more to do.</summary>
    WhenIdle = 1,

    /// <summary>It asks never to be notified and looks at the ring by itself.</summary>
    Never = 2,
}
