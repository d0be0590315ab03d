using System;
using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Conformance.Judge;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Rings;
using VirtioGuest.VhostUser;

namespace VirtioGuest.Conformance.Models;

/// <summary>
/// The third source of events: watches a device model that is served over vhost-user, and so the rings of whatever
/// driver runs in the guest of another process. It sees no registers; those are in QEMU's trace.
/// </summary>
/// <remarks>
/// Driver and device run at the same time, so that a notification is known to have come and not when it was sent. What
/// that leaves open is never held against a driver: see <see cref="Patience"/> and <see cref="MostLate"/>.
/// </remarks>
public sealed class ServedWatch : FrontEndWatch
{
    /// <summary>
    /// How many notifications may come although none were asked for: of as many threads of the guest as may have
    /// looked before the device asked to be left alone.
    /// </summary>
    public const int MostLate = 64;

    private readonly string _target;
    private readonly VirtioDeviceModel _model;
    private readonly TimeProvider _clock;
    private readonly RingWatch[] _rings;
    private readonly QueueLife[] _lives;
    private readonly List<Driver> _drivers = [];
    private ulong _features;
    private bool _isStarting;

    /// <param name="target">Whom verdicts name.</param>
    /// <param name="model">The device, before it is served. Its queues become strict.</param>
    /// <param name="clock">Measures how long nothing was heard; the machine's, unless told otherwise.</param>
    public ServedWatch(string target, VirtioDeviceModel model, TimeProvider? clock = null)
    {
        ArgumentNullException.ThrowIfNull(model);
        _target = target;
        _model = model;
        _clock = clock ?? TimeProvider.System;
        _rings = new RingWatch[model.Queues.Length];
        _lives = new QueueLife[_rings.Length];
        for (int i = 0; i < _rings.Length; i++)
        {
            _rings[i] = new RingWatch(model.Memory, model.Queues[i], () => model.DriverFeatures, Tell);
            _lives[i] = new QueueLife();
            model.Queues[i].Observer = _rings[i];
            model.Queues[i].IsStrict = true;
        }
    }

    /// <summary>
    /// How long a buffer may be available without a notification before that is a breach. A driver's thread may be
    /// kept from running between the two, but not for so long.
    /// </summary>
    public TimeSpan Patience { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How many drivers, one after another, had a buffer taken by the device.</summary>
    public int Drivers => _drivers.FindAll(each => each.IsUsed).Count;

    /// <inheritdoc/>
    public override void OnStarted(ulong features)
    {
        _features = features;
        _isStarting = true;
    }

    /// <inheritdoc/>
    public override void OnOpened(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        int position = PositionOf(queue);
        if (_drivers.Count == 0 || (_isStarting && position == 0))
        {
            Begin();
        }

        _isStarting = false;
        QueueLife life = _lives[queue.Index];
        life.IsUnanswered = false;
        if (position == 0 && !life.WasOpened)
        {
            _rings[queue.Index].OnEnabled();
        }
        else
        {
            _rings[queue.Index].OnResumed(position);
        }

        life.WasOpened = true;
    }

    /// <inheritdoc/>
    public override void OnHeard(ModelQueue queue, ulong count)
    {
        ArgumentNullException.ThrowIfNull(queue);
        QueueLife life = _lives[queue.Index];
        life.IsUnanswered = false;
        life.Heard += count;
        bool isPolled = queue.Notifications == NotificationMode.Never;
        bool isTooOften = isPolled && life.Heard > MostLate;
        _rings[queue.Index].Look(isTooOften ? RingMoment.Insisted : RingMoment.Heard);
    }

    /// <inheritdoc/>
    public override void OnPolling(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (_rings[queue.Index].HasNews)
        {
            _rings[queue.Index].Look(RingMoment.Polled);
        }
    }

    /// <inheritdoc/>
    public override bool IsOverdue(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        QueueLife life = _lives[queue.Index];
        RingWatch ring = _rings[queue.Index];
        if (!ring.HasNews)
        {
            life.IsUnanswered = false;
            return false;
        }

        if (!life.IsUnanswered || life.Position != ring.Position)
        {
            life.IsUnanswered = true;
            life.Position = ring.Position;
            life.Since = _clock.GetTimestamp();
            return false;
        }

        if (_clock.GetElapsedTime(life.Since) < Patience)
        {
            return false;
        }

        life.IsUnanswered = false;
        ring.Look(RingMoment.Overdue);
        return true;
    }

    /// <summary>Ends the stream and says what came of every requirement that rules watch.</summary>
    /// <param name="onlyLast">
    /// Whether only the last driver is judged that had a buffer taken, and not the firmware before it.
    /// </param>
    /// <returns>Nothing, where no driver came.</returns>
    public IReadOnlyList<Verdict> Conclude(bool onlyLast)
    {
        List<Driver> judged = _drivers.FindAll(each => each.IsUsed);
        if (onlyLast && judged.Count > 1)
        {
            judged.RemoveRange(0, judged.Count - 1);
        }

        List<Verdict> verdicts = [];
        foreach (Driver each in judged)
        {
            verdicts.AddRange(each.Judge.Conclude());
        }

        return judged.Count > 1 ? VerdictMerge.Merge(_target, verdicts) : verdicts;
    }

    private static int PositionOf(ModelQueue queue)
    {
        DeviceQueue ring = queue.Ring ?? throw new InvalidOperationException("The queue has no ring.");
        RingPosition next = ring.NextAvailable;
        return ring is PackedDeviceQueue
            ? next.Offset + (next.Wrap ? 0 : ring.Size)
            : next.Offset | (next.Wrap ? 1 << 15 : 0);
    }

    private void Begin()
    {
        DeviceFacts facts = new() { DeviceType = _model.DeviceType, Offered = ModelWatch.Offer(_model) };
        Driver driver = new(new DriverJudge(_target, facts));
        _drivers.Add(driver);
        foreach (QueueLife each in _lives)
        {
            each.WasOpened = false;
            each.Heard = 0;
        }

        driver.Judge.Observe(new BecameLive(_features, _model.Configuration.ToArray()));
    }

    private void Tell(DriverEvent happened)
    {
        if (_drivers.Count == 0)
        {
            return;
        }

        Driver driver = _drivers[^1];
        driver.IsUsed |= happened is BufferTaken or RingBroken;
        driver.Judge.Observe(happened);
    }

    /// <summary>A driver that used the device, between two resets.</summary>
    private sealed class Driver(DriverJudge judge)
    {
        public DriverJudge Judge { get; } = judge;

        public bool IsUsed { get; set; }
    }

    /// <summary>What has to be known of a queue between two looks.</summary>
    private sealed class QueueLife
    {
        /// <summary>Whether this driver has had it enabled before.</summary>
        public bool WasOpened { get; set; }

        /// <summary>How many notifications came.</summary>
        public ulong Heard { get; set; }

        /// <summary>Whether there were buffers at the last look that no notification has told of.</summary>
        public bool IsUnanswered { get; set; }

        /// <summary>How far the device had come then.</summary>
        public int Position { get; set; }

        /// <summary>Since when.</summary>
        public long Since { get; set; }
    }
}
