using System.Runtime.CompilerServices;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Rings;

/// <summary>
/// How a device is notified of one queue's new buffers: what is written into which of its registers (virtio 1.4, 2.9,
/// 4.1.5.2 and 4.2.3.3). A transport makes it when it enables the queue.
/// </summary>
public sealed class QueueNotifier
{
    private readonly MmioRegion _registers;
    private readonly uint _offset;
    private readonly ushort _value;
    private readonly NotificationForm _form;

    private QueueNotifier(MmioRegion registers, uint offset, ushort value, NotificationForm form)
    {
        _registers = registers;
        _offset = offset;
        _value = value;
        _form = form;
    }

    /// <summary>A write of 16 bits that say which queue, to a register of its own (virtio 1.4, 4.1.5.2).</summary>
    /// <param name="register">The register.</param>
    /// <param name="value">The virtqueue index, or what the device calls the queue.</param>
    public static QueueNotifier OfWord(MmioRegion register, ushort value) =>
        new QueueNotifier(register, 0, value, NotificationForm.Word);

    /// <summary>A write of 32 bits that say which queue.</summary>
    /// <param name="registers">Registers that have the one.</param>
    /// <param name="offset">Where it is in them, a multiple of 4.</param>
    /// <param name="value">The virtqueue index, or what the device calls the queue.</param>
    /// <param name="hasPlace">
    /// Whether the upper half says how far the queue was filled, as NOTIFICATION_DATA has it (virtio 1.4, 2.9).
    /// </param>
    public static QueueNotifier OfDoubleword(MmioRegion registers, uint offset, ushort value, bool hasPlace) =>
        new QueueNotifier(registers, offset, value, hasPlace ? NotificationForm.Place : NotificationForm.Queue);

    /// <summary>Notifies the device. Only after DRIVER_OK (virtio 1.4, 3.1.1).</summary>
    /// <param name="queue">The queue, which knows how far it was filled.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Notify(Virtqueue queue)
    {
        if (_form == NotificationForm.Word)
        {
            _registers.Write16(0, _value);
        }
        else
        {
            NotifyWide(queue);
        }
    }

    // One of the two is rare and the other one slower than a call, so that they stay out of the usual case's way.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private void NotifyWide(Virtqueue queue)
    {
        uint place = _form == NotificationForm.Place ? (uint)queue.NextAvailable << 16 : 0;
        _registers.Write32(_offset, place | _value);
    }
}

/// <summary>What a driver writes to notify a device of a queue.</summary>
internal enum NotificationForm
{
    /// <summary>16 bits that say which queue (virtio 1.4, 4.1.5.2).</summary>
    Word = 0,

    /// <summary>32 bits that say which queue (virtio 1.4, 4.2.3.3).</summary>
    Queue = 1,

    /// <summary>
    /// 32 bits: which queue in the lower half, how far it was filled in the upper half (virtio 1.4, 2.9).
    /// </summary>
    Place = 2,
}
