using System;
using System.Buffers.Binary;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>Why a driver waits for ever, told from the state of its device.</summary>
internal static class HangExplanation
{
    private const ushort NoInterrupt = 1;

    /// <summary>Explains it.</summary>
    /// <param name="model">The device.</param>
    /// <param name="isBusMaster">Whether it reaches memory.</param>
    public static string Of(VirtioDeviceModel model, bool isBusMaster)
    {
        if (model.Status == 0)
        {
            return "the device is reset, and the driver has told it nothing since";
        }

        if ((model.Status & StatusBit.NeedsReset) != 0)
        {
            return $"the device has given up (DEVICE_NEEDS_RESET): {model.Trouble}";
        }

        if ((model.Status & StatusBit.Failed) != 0)
        {
            return "the driver itself has set FAILED, and a device that has failed does nothing any more";
        }

        if ((model.Status & StatusBit.DriverOk) == 0)
        {
            return $"the device is not live. Its status is 0x{model.Status:x}, without DRIVER_OK, "
                + "and so it looks at no queue";
        }

        return isBusMaster
            ? OfQueue(model, model.Queues[0])
            : "the device cannot reach memory: bus mastering is off in the command register of PCI";
    }

    private static string OfQueue(VirtioDeviceModel model, ModelQueue queue)
    {
        if (queue.Ring is not { } ring)
        {
            return "queue 0 is not enabled: queue_enable was not written, or for another queue";
        }

        bool isPacked = (model.DriverFeatures & FeatureBit.RingPacked) != 0;
        int waiting = isPacked ? (ring.HasAvailable() ? 1 : 0) : Waiting(model, queue, ring);
        if (queue.NotificationsReceived == 0)
        {
            return waiting == 0
                ? "no buffer was made available, and the device was never notified. It has nothing to do"
                : $"the device waits for a notification that never came. {Count(waiting)} available in queue 0, "
                    + "and nothing was written to its place in the notification structure";
        }

        if (ring.Used == 0 && ring.Taken == 0)
        {
            return waiting == 0
                ? "the device was notified and found nothing: idx of the available ring, as the device sees it, is "
                    + $"{AvailableIndex(model, queue)}, and stands for no new buffer. "
                    + "Was it written, and before the notification?"
                : $"the device found nothing when it was notified. {Count(waiting)} available by now, so the "
                    + "notification came before the buffer was published, and another one never came";
        }

        if (waiting > 0)
        {
            return $"the device waits for a notification that never came. It has used {ring.Used} buffers; "
                + $"{Count(waiting)} available in queue 0 since then, and nobody told it";
        }

        if (ring.InFlight > 0)
        {
            return $"the device still has {ring.InFlight} buffers, and gives them back when it likes";
        }

        ushort flags = isPacked ? (ushort)0 : Read16(model, queue.Areas.Driver);
        string lost = (flags & NoInterrupt) != 0
            ? " It sent no interrupt, because the driver's flags in the available ring said NO_INTERRUPT."
            : queue.NotificationsSent == 0
                ? " It sent no interrupt, because the driver had not asked for one at this index."
                : string.Empty;
        return $"the device has used all {ring.Used} buffers that it was given, and the used ring says so. "
            + "The driver looks in the wrong place, or compares with the wrong index." + lost;
    }

    private static string Count(int waiting) => waiting == 1 ? "1 buffer is" : $"{waiting} buffers are";

    private static int Waiting(VirtioDeviceModel model, ModelQueue queue, DeviceQueue ring) =>
        (ushort)(AvailableIndex(model, queue) - (ushort)ring.Taken);

    private static ushort AvailableIndex(VirtioDeviceModel model, ModelQueue queue) =>
        Read16(model, queue.Areas.Driver + 2);

    private static ushort Read16(VirtioDeviceModel model, ulong address)
    {
        Span<byte> bytes = stackalloc byte[2];
        model.Memory.TryRead(address, bytes);
        return BinaryPrimitives.ReadUInt16LittleEndian(bytes);
    }
}
