using System;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices;

/// <summary>One virtqueue of a device model: its registers, its ring while it is enabled, and its habits.</summary>
public sealed class ModelQueue
{
    /// <summary>No interrupt vector (virtio 1.4, 4.1.5.1.2).</summary>
    public const ushort NoVector = 0xFFFF;

    private readonly FinishedBuffer[] _one = new FinishedBuffer[1];
    private FinishedBuffers? _finished;
    private bool _isSuppressed;
    private ushort _maximumSize = 256;

    internal ModelQueue(int index)
    {
        Index = index;
        NotifyOffset = (ushort)index;
        NotificationConfigurationData = (ushort)index;
        ResetRegisters();
    }

    /// <summary>Its number.</summary>
    public int Index { get; }

    /// <summary>The largest size, and the size after a reset; 0 for a queue that does not exist.</summary>
    /// <remarks>Set it before the driver comes, or while the queue is reset.</remarks>
    public ushort MaximumSize
    {
        get => _maximumSize;
        set
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((int)value, DeviceQueue.LargestSize);
            _maximumSize = value;
            Size = IsEnabled ? Size : value;
        }
    }

    /// <summary>The size as the driver set it.</summary>
    public ushort Size { get; internal set; }

    /// <summary>Where its parts are, as the driver set it.</summary>
    public QueueAreas Areas { get; internal set; }

    /// <summary>The vector for its interrupts; <see cref="NoVector"/> for none.</summary>
    public ushort Vector { get; internal set; }

    /// <summary>Which place of the notification structure belongs to it (PCI), in units of the multiplier.</summary>
    public ushort NotifyOffset { get; set; }

    /// <summary>What identifies it in notifications with NOTIF_CONFIG_DATA (PCI).</summary>
    public ushort NotificationConfigurationData { get; set; }

    /// <summary>Whether the driver enabled it.</summary>
    public bool IsEnabled { get; internal set; }

    /// <summary>The ring, while the queue is enabled and its parts could be found.</summary>
    public DeviceQueue? Ring { get; private set; }

    /// <summary>Whether the largest size is the only one, whatever the driver writes, as in kvmtool.</summary>
    public bool HasOneSize { get; set; }

    /// <summary>Whether its rings are strict; see <see cref="DeviceQueue.IsStrict"/>.</summary>
    public bool IsStrict { get; set; }

    /// <summary>Who watches its rings; null for nobody.</summary>
    public QueueObserver? Observer { get; set; }

    /// <summary>Who decides how buffers are given back.</summary>
    public CompletionPolicy Policy { get; set; } = new InOrderCompletion();

    /// <summary>When it wants to be notified.</summary>
    public NotificationMode Notifications { get; set; } = NotificationMode.WhenIdle;

    /// <summary>How many elements a chain may have; 0 for as many as the queue's size.</summary>
    public int ChainLimit { get; set; }

    /// <summary>
    /// The length that used buffers carry, whatever was written and however much room there was; null for the truth.
    /// </summary>
    public uint? ForcedLength { get; set; }

    /// <summary>What the last notification said.</summary>
    public QueueNotification? LastNotification { get; internal set; }

    /// <summary>How many notifications came from the driver, at whatever time.</summary>
    public ulong NotificationsReceived { get; internal set; }

    /// <summary>How many times the driver was to be notified.</summary>
    public ulong NotificationsSent { get; internal set; }

    /// <summary>How many requests are finished and not given back yet.</summary>
    public int Finished => _finished?.Count ?? 0;

    internal bool IsAwake { get; set; }

    internal bool IsResetting => ResetLooksLeft > 0;

    internal int ResetLooksLeft { get; set; }

    /// <summary>The device is done with a buffer of this queue.</summary>
    /// <param name="chain">The buffer.</param>
    /// <param name="written">How many bytes of its writable part were written, from the start.</param>
    /// <param name="mayShorten">Whether its policy may tell the driver of fewer.</param>
    public void Finish(DeviceChain chain, uint written, bool mayShorten = false)
    {
        _one[0] = new FinishedBuffer(chain, written, mayShorten);
        Finish(_one);
    }

    /// <summary>
    /// The device is done with a request that took several buffers, which were taken one after another.
    /// </summary>
    public void Finish(IReadOnlyList<FinishedBuffer> buffers)
    {
        if (_finished == null)
        {
            throw new InvalidOperationException("The queue has no ring.");
        }

        _finished.Add(buffers);
    }

    internal void Open(DeviceQueue ring)
    {
        Ring = ring;
        ring.IsStrict = IsStrict;
        ring.Observer = Observer;
        if (ChainLimit > 0)
        {
            ring.ChainLimit = ChainLimit;
        }

        _finished = new FinishedBuffers(ring);
        _isSuppressed = false;
        IsAwake = false;
    }

    internal void Close()
    {
        Ring = null;
        _finished = null;
        IsAwake = false;
        IsEnabled = false;
    }

    internal void ResetRegisters()
    {
        Close();
        Size = MaximumSize;
        Areas = default;
        Vector = NoVector;
        LastNotification = null;
        ResetLooksLeft = 0;
    }

    /// <summary>Gives back what the policy, or nobody, keeps.</summary>
    /// <returns>Whether anything was given back.</returns>
    internal bool Use(bool asksPolicy, bool isIdle, out bool isNotificationWanted)
    {
        isNotificationWanted = false;
        if (_finished == null)
        {
            return false;
        }

        _finished.ForcedLength = ForcedLength;
        return _finished.Use(asksPolicy ? Policy : null, isIdle, out isNotificationWanted) != 0;
    }

    internal void OnServed()
    {
        if (Notifications == NotificationMode.Always)
        {
            // What is there already is found by the next look, which an awake queue always gets.
            Ring!.EnableNotifications();
            _isSuppressed = false;
        }
        else if (!_isSuppressed)
        {
            Ring!.SuppressNotifications();
            _isSuppressed = true;
        }
    }

    /// <summary>Nothing was found to do.</summary>
    /// <param name="wantsBuffers">Whether the device could use a buffer; if not, it need not hear of any.</param>
    /// <returns>Whether there is something to do after all.</returns>
    internal bool GoIdle(bool wantsBuffers)
    {
        if (Notifications == NotificationMode.Never)
        {
            return false;
        }

        IsAwake = false;
        if (wantsBuffers)
        {
            _isSuppressed = false;
            IsAwake = Ring!.EnableNotifications();
        }

        return IsAwake;
    }
}

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

/// <summary>What an available buffer notification said.</summary>
/// <param name="Identifier">The queue's index, or its notification configuration data.</param>
/// <param name="Position">
/// Where the next buffer will be made available; null without NOTIFICATION_DATA.
/// </param>
public readonly record struct QueueNotification(ushort Identifier, RingPosition? Position)
{
    /// <summary>Takes apart the 32 bits of NOTIFICATION_DATA (virtio 1.4, 2.9).</summary>
    public static QueueNotification FromData(uint value) =>
        new QueueNotification((ushort)value, new RingPosition((ushort)((value >> 16) & 0x7FFF), value >> 31 != 0));
}
