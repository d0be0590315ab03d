using VirtioGuest.Devices;

namespace VirtioGuest.VhostUser;

/// <summary>
/// Watches what front ends and the drivers behind them do with the device that is served. It changes nothing, and is
/// told on the thread that serves.
/// </summary>
public abstract class FrontEndWatch
{
    /// <summary>A driver has negotiated features, or a front end goes on with what was negotiated before.</summary>
    public virtual void OnStarted(ulong features)
    {
    }

    /// <summary>A queue can be used from now on, from the place in its ring that the front end named.</summary>
    public virtual void OnOpened(ModelQueue queue)
    {
    }

    /// <summary>The driver has notified; the device has not looked yet.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="count">How many times, since that was asked last.</param>
    public virtual void OnHeard(ModelQueue queue, ulong count)
    {
    }

    /// <summary>The device is about to look into a queue by itself.</summary>
    public virtual void OnPolling(ModelQueue queue)
    {
    }

    /// <summary>Nothing was heard of a queue for a while.</summary>
    /// <returns>Whether the device is to look by itself, because no notification will come.</returns>
    public virtual bool IsOverdue(ModelQueue queue) => false;
}
