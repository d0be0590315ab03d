using System.Runtime.CompilerServices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio;

/// <content>What the driver of a device type works with: queues, features, configuration changes, trouble.</content>
public abstract partial class VirtioDevice
{
    /// <summary>
    /// How often the configuration is read again when it changed meanwhile. A device that changes it without end is in
    /// trouble itself.
    /// </summary>
    private const int ConfigurationAttempts = 100;

    /// <summary>The queue with an index, once <see cref="SetUp"/> is called.</summary>
    protected Virtqueue Queue(int index) => _queues[index];

    /// <summary>Whether a feature was negotiated.</summary>
    protected bool Has(ulong feature) => (Features & feature) != 0;

    /// <summary>
    /// Notifies the device of new buffers in a queue that the transport has enabled, if it wants to be.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    protected static void NotifyIfDue(Virtqueue queue)
    {
        if (queue.NeedsNotification())
        {
            queue.Notifier!.Notify(queue);
        }
    }

    /// <summary>Looks whether a queue was found broken, and if so gives up on the device.</summary>
    protected void CheckFault(Virtqueue queue)
    {
        if (queue.Fault != QueueFault.None)
        {
            Fail(_queues.Names[queue.Index] + ": the device " + QueueFaults.Describe(queue.Fault));
        }
    }

    /// <summary>
    /// Resets one queue of a running device that negotiated RING_RESET (virtio 1.4, 2.6.1). Its buffers can be detached
    /// then; afterwards <see cref="ReplaceQueue"/> puts a new one in its place.
    /// </summary>
    /// <returns>Whether the device confirmed it. If it did not, it needs a reset as a whole.</returns>
    protected bool ResetQueue(int index)
    {
        if (State != DeviceState.Running || !Has(FeatureBits.RingReset))
        {
            return false;
        }

        bool confirmed = Transport.ResetQueue((ushort)index);
        if (!confirmed)
        {
            Fail(_queues.Names[index] + ": the device does not finish its reset");
        }

        return confirmed;
    }

    /// <summary>
    /// Puts an empty, enabled queue in the place of one that was reset and whose buffers were detached.
    /// </summary>
    /// <param name="index">The virtqueue index.</param>
    /// <param name="preferredSize">The most descriptors that the driver has a use for.</param>
    /// <returns>Whether there is one. If there is none, the device needs a reset as a whole.</returns>
    protected bool ReplaceQueue(int index, int preferredSize)
    {
        string? failure = _queues.Replace(index, preferredSize);
        if (failure != null)
        {
            Fail("the device " + failure);
        }

        return failure == null;
    }

    /// <summary>Gives up on a live device; its owner stops it.</summary>
    protected void Fail(string trouble)
    {
        // The first trouble is the one to tell of.
        if (IsLive)
        {
            _trouble = trouble;
            State = DeviceState.NeedsReset;
            Machine.Log.Warning(Name + ": " + trouble);
        }
    }

    /// <summary>Looks at the status and the configuration of a live device.</summary>
    /// <returns>Null, or what is wrong, as the end of a sentence that starts with the device.</returns>
    private string? LookAtChange() =>
        (Transport.Status & DeviceStatus.DeviceNeedsReset) != 0
            ? "asks for a reset"
            : RefreshConfiguration(isChange: true);

    private string? RefreshConfiguration(bool isChange)
    {
        for (int attempt = 0; attempt < ConfigurationAttempts; attempt++)
        {
            uint generation = Transport.ConfigurationGeneration;
            string? failure = ReadConfiguration();
            if (Transport.ConfigurationGeneration == generation)
            {
                if (failure == null && isChange)
                {
                    AcceptChange();
                }
                else if (failure == null)
                {
                    AcceptConfiguration();
                }

                return failure;
            }
        }

        return "changes its configuration without end";
    }
}
