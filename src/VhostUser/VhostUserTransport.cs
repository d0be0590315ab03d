using System;
using VirtioGuest.Devices;
using VirtioGuest.Recording;
using VirtioGuest.VhostUser.Native;

namespace VirtioGuest.VhostUser;

/// <summary>
/// The way from a device to a front end: used buffers are told of through the descriptors that it gave.
/// </summary>
internal sealed class VhostUserTransport : DeviceTransport
{
    private readonly QueueState[] _queues;

    /// <summary>Gives a device its way to the front ends that will come.</summary>
    public VhostUserTransport(VirtioDeviceModel model)
        : base(model)
    {
        _queues = new QueueState[model.Queues.Length];
        for (int index = 0; index < _queues.Length; index++)
        {
            _queues[index] = new QueueState(model.Queues[index]);
        }
    }

    /// <summary>Who records; null for nobody.</summary>
    public MemoryRecorder? Recorder { get; set; }

    /// <summary>What the front end said of each queue.</summary>
    public ReadOnlySpan<QueueState> Queues => _queues;

    /// <inheritdoc/>
    public override bool CanAccessMemory => true;

    /// <inheritdoc/>
    /// <remarks>The front end has the registers, and what needs more of them is its own affair.</remarks>
    internal override ulong UnsupportedFeatures => FeatureBit.NotificationData
        | FeatureBit.NotificationConfigurationData | FeatureBit.RingReset | FeatureBit.Suspend
        | FeatureBit.AccessPlatform;

    /// <inheritdoc/>
    internal override void NotifyUsed(ModelQueue queue)
    {
        Recorder?.Notify(StepKind.Interrupt, queue.Index);
        QueueState state = _queues[queue.Index];
        if (state.Call >= 0)
        {
            Posix.SignalEvent(state.Call);
        }
        else
        {
            state.IsCallOwed = true;
        }
    }

    /// <inheritdoc/>
    /// <remarks>The protocol has a channel of its own for that, which is not offered.</remarks>
    internal override void NotifyConfiguration()
    {
    }

    /// <inheritdoc/>
    internal override void OnReset()
    {
    }

    /// <summary>Forgets what a front end said that has gone.</summary>
    public void Forget()
    {
        foreach (QueueState queue in _queues)
        {
            ForgetRecorded(queue);
            queue.Forget();
        }
    }

    /// <summary>Records a queue no more, whose memory may go away.</summary>
    public void ForgetRecorded(QueueState queue)
    {
        if (queue.Recorded is RecordedQueue recorded)
        {
            Recorder?.Remove(recorded);
            queue.Recorded = null;
        }
    }

    /// <summary>What the front end said of a queue.</summary>
    internal sealed class QueueState(ModelQueue queue)
    {
        private int _kick = -1;
        private int _call = -1;

        /// <summary>The queue.</summary>
        public ModelQueue Queue { get; } = queue;

        /// <summary>Its size.</summary>
        public uint Size { get; set; }

        /// <summary>Where its parts are for the front end: descriptors, driver's part, device's part.</summary>
        public (ulong Descriptor, ulong Driver, ulong Device) Places { get; set; }

        /// <summary>Where the device begins in it; see <c>DeviceQueue.VhostBase</c>.</summary>
        public uint Base { get; set; }

        /// <summary>How recordings show it; null while it is not open.</summary>
        public RecordedQueue? Recorded { get; set; }

        /// <summary>Whether the device works on it.</summary>
        public bool IsEnabled { get; set; }

        /// <summary>Whether the device looks into its ring by itself, because it asks for no notifications.</summary>
        public bool IsPolled => IsStarted && Queue.Notifications == NotificationMode.Never;

        /// <summary>Whether it was started and not stopped again.</summary>
        public bool IsStarted { get; set; }

        /// <summary>Which descriptor tells of available buffers; -1 for none.</summary>
        public int Kick
        {
            get => _kick;
            set
            {
                Posix.Close(_kick);
                _kick = value;
            }
        }

        /// <summary>Which descriptor is told of used buffers; -1 for none.</summary>
        public int Call
        {
            get => _call;
            set
            {
                // What nobody has read of the old one yet is owed to the driver: front ends begin with one that leads
                // nowhere, and give the right one when the device may be at work already.
                IsCallOwed |= _call >= 0 && Posix.HasEvents(_call);
                Posix.Close(_call);
                _call = value;
                if (IsCallOwed && value >= 0)
                {
                    IsCallOwed = false;
                    Posix.SignalEvent(value);
                }
            }
        }

        /// <summary>Whether the driver was to be told of used buffers when there was no way to.</summary>
        public bool IsCallOwed { get; set; }

        public void Forget()
        {
            IsCallOwed = false;
            Kick = -1;
            Call = -1;
            (Size, Places, Base) = (0, default, 0);
            (IsEnabled, IsStarted) = (false, false);
        }
    }
}
