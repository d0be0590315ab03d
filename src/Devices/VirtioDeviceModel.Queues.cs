using System;
using System.Numerics;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices;

/// <content>The queues: their registers, and the work on them.</content>
public abstract partial class VirtioDeviceModel
{
    /// <summary>Does the next bit of work on every queue that asks for it: one buffer taken, some given back.</summary>
    /// <returns>Whether there was anything to do.</returns>
    public bool Step()
    {
        bool isBusy = false;
        foreach (ModelQueue queue in _queues)
        {
            isBusy |= IsRunning && _transport is not { CanAccessMemory: false } && Work(queue);
        }

        return isBusy;
    }

    /// <summary>Steps until there is nothing more to do.</summary>
    /// <param name="limit">How many steps at most.</param>
    /// <returns>How many steps there was something to do in.</returns>
    public int Run(int limit = 1_000_000)
    {
        int steps = 0;
        while (steps < limit && Step())
        {
            steps++;
        }

        return steps;
    }

    /// <summary>Takes the next request of a queue and works on it.</summary>
    /// <returns>Whether there was one that could be worked on.</returns>
    protected abstract bool Serve(ModelQueue queue);

    /// <summary>
    /// Whether a queue without buffers keeps the device from working; then the driver is asked to notify.
    /// </summary>
    protected virtual bool WantsBuffers(ModelQueue queue) => true;

    /// <summary>Forgets the buffers of a queue that the driver has reset.</summary>
    protected virtual void OnQueueReset(ModelQueue queue)
    {
    }

    /// <summary>
    /// Has a queue looked at although the driver did not notify, because the device has something for it.
    /// </summary>
    protected void Wake(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        queue.IsAwake = queue.Ring != null;
    }

    internal ModelQueue? FindQueue(uint index) =>
        index < _queues.Length && _queues[index].MaximumSize != 0 ? _queues[index] : null;

    internal void Notify(ModelQueue queue, QueueNotification notification)
    {
        if ((Status & (StatusBit.NeedsReset | StatusBit.Failed)) != 0)
        {
            return;
        }

        if ((Status & StatusBit.DriverOk) == 0 || queue.Ring == null)
        {
            Report(DriverRule.NotificationTime, $"queue {queue.Index} was notified at status {Status:x2}");
            if (!IsRunning || queue.Ring == null)
            {
                return;
            }
        }

        queue.NotificationsReceived++;
        queue.LastNotification = notification;
        queue.IsAwake = true;
        if (RunsWhenNotified)
        {
            Run();
        }
    }

    /// <summary>
    /// The size of a queue as the driver may see and use it: without RING_PACKED a power of two (virtio 1.4,
    /// 4.1.4.3.1).
    /// </summary>
    internal ushort SizeOf(ModelQueue queue) => Allowed(queue.Size);

    /// <summary>The largest size of a queue, likewise.</summary>
    internal ushort LargestSizeOf(ModelQueue queue) => Allowed(queue.MaximumSize);

    internal void SetQueueSize(ModelQueue queue, uint size)
    {
        bool isPacked = (_accepted & FeatureBit.RingPacked) != 0;
        if (queue.IsEnabled)
        {
            Report(DriverRule.QueueEnabled, $"the size of enabled queue {queue.Index} was written");
        }
        else if (size == 0 || size > queue.MaximumSize || (!isPacked && !BitOperations.IsPow2(size)))
        {
            Report(DriverRule.QueueSize, $"queue {queue.Index} was given size {size}");
        }
        else
        {
            queue.Size = (ushort)size;
        }
    }

    internal void SetQueueAreas(ModelQueue queue, QueueAreas areas)
    {
        if (queue.IsEnabled)
        {
            Report(DriverRule.QueueEnabled, $"an address of enabled queue {queue.Index} was written");
            return;
        }

        queue.Areas = areas;
    }

    internal void EnableQueue(ModelQueue queue)
    {
        if ((Status & StatusBit.FeaturesOk) == 0)
        {
            Report(DriverRule.InitialisationOrder, $"queue {queue.Index} was enabled before FEATURES_OK");
            return;
        }

        if (queue.IsEnabled || queue.IsResetting)
        {
            Report(DriverRule.QueueEnabled, $"queue {queue.Index} was enabled while enabled or being reset");
            return;
        }

        queue.IsEnabled = true;
        queue.Size = SizeOf(queue);
        DeviceQueue? ring = DeviceQueue.TryOpen(Memory, queue.Areas, queue.Size, _accepted, out QueueError error);
        if (ring == null)
        {
            Report(DriverRule.QueueAreas, $"queue {queue.Index}: {error}");
            SetNeedsReset($"queue {queue.Index} cannot be used: {error}");
            return;
        }

        queue.Open(ring);
    }

    /// <summary>Stops a queue for good, as only virtio-mmio lets a driver do (virtio 1.4, 4.2.2.2).</summary>
    internal void StopQueue(ModelQueue queue)
    {
        queue.Close();
        OnQueueReset(queue);
    }

    internal void ResetQueue(ModelQueue queue)
    {
        if ((_accepted & FeatureBit.RingReset) == 0 || (Status & StatusBit.FeaturesOk) == 0 || !queue.IsEnabled)
        {
            Report(DriverRule.QueueReset, $"queue {queue.Index} was reset while not enabled, or without RING_RESET");
            return;
        }

        queue.ResetRegisters();
        queue.ResetLooksLeft = QueueResetDelay;
        OnQueueReset(queue);
    }

    internal static bool LooksReset(ModelQueue queue)
    {
        if (queue.ResetLooksLeft > 0)
        {
            queue.ResetLooksLeft--;
            return false;
        }

        return true;
    }

    private ushort Allowed(ushort size)
    {
        bool isPacked = (_accepted & FeatureBit.RingPacked) != 0;
        return isPacked || size == 0 ? size : (ushort)(1 << BitOperations.Log2(size));
    }

    private bool Work(ModelQueue queue)
    {
        DeviceQueue? ring = queue.Ring;
        if (ring == null)
        {
            return false;
        }

        bool isAwake = queue.IsAwake || queue.Notifications == NotificationMode.Never;
        bool isServed = isAwake && Serve(queue);
        if (isServed)
        {
            queue.OnServed();
        }

        bool isUsed = IsRunning && GiveBack(queue, asksPolicy: true, isIdle: !isServed);
        bool hasMore = isAwake && !isServed && IsRunning && queue.GoIdle(WantsBuffers(queue));
        if (ring.Error != QueueError.None)
        {
            Report(DriverRule.ChainForm, $"queue {queue.Index}: {ring.Error}");
            SetNeedsReset($"queue {queue.Index} is broken: {ring.Error}");
            return false;
        }

        return isServed || isUsed || hasMore;
    }

    private bool GiveBack(ModelQueue queue, bool asksPolicy, bool isIdle)
    {
        bool isUsed = queue.Use(asksPolicy, isIdle, out bool isNotificationWanted);
        queue.NotificationsSent += isNotificationWanted ? 1UL : 0;
        if (isUsed)
        {
            _transport?.OnUsed(queue, isNotificationWanted);
        }

        return isUsed;
    }
}
