using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Drivers.Virtio.Devices;

/// <summary>The queues of a device, by index: made, enabled, replaced and given up together.</summary>
internal sealed class DeviceQueues
{
    private readonly VirtioTransport _transport;
    private readonly DmaTag _dma;
    private readonly string[] _allNames;
    private readonly int[] _preferredSizes;
    private readonly int[] _maximumSizes;
    private Virtqueue[] _queues = Array.Empty<Virtqueue>();
    private Features _features;
    private ChainShape _shape;

    /// <summary>Names the queues; there are none yet.</summary>
    internal DeviceQueues(VirtioTransport transport, DmaTag dma, string[] names)
    {
        _transport = transport;
        _dma = dma;
        _preferredSizes = new int[names.Length];
        _maximumSizes = new int[names.Length];
        _allNames = names;
        Names = names;
    }

    /// <summary>The specification's names of the queues; of those that there can be until they were created.</summary>
    internal string[] Names { get; private set; }

    /// <summary>How many there are; 0 until they were created.</summary>
    internal int Count => _queues.Length;

    /// <summary>The format of their rings; <c>none</c> until they were created.</summary>
    internal string Format
    {
        get
        {
            Virtqueue[] queues = _queues;
            return queues.Length == 0 ? "none" : queues[0].Format;
        }
    }

    /// <summary>A queue.</summary>
    internal Virtqueue this[int index] => _queues[index];

    /// <summary>All of them. They may be replaced meanwhile: it is the old ones or the new ones then.</summary>
    internal Virtqueue[] All => _queues;

    /// <summary>The most descriptors that the driver has a use for in a queue.</summary>
    internal int PreferredSizeOf(int index) => _preferredSizes[index];

    /// <summary>The most descriptors that the device takes in a queue.</summary>
    internal int MaximumSizeOf(int index) => _maximumSizes[index];

    /// <summary>Drops queues that were given up.</summary>
    internal void Clear() => _queues = Array.Empty<Virtqueue>();

    /// <summary>Makes empty queues.</summary>
    /// <param name="features">What was negotiated.</param>
    /// <param name="usedNames">What they are called; null for the first of those that have a name.</param>
    /// <param name="count">How many of these.</param>
    /// <param name="preferredSize">The most descriptors that the driver has a use for.</param>
    /// <param name="shape">What their buffers have in common.</param>
    /// <returns>Null, or why there are none.</returns>
    internal Failure? Create(
        Features features, string[]? usedNames, int count, int preferredSize, ChainShape shape)
    {
        _features = features;
        _shape = shape;
        string[] names = usedNames ?? _allNames;
        if (usedNames is null)
        {
            Array.Resize(ref names, count);
        }

        Names = names;
        if (_transport.QueueCount < Names.Length)
        {
            return new Failure("has fewer queues than its type needs");
        }

        Virtqueue[] queues = new Virtqueue[Names.Length];
        for (int i = 0; i < queues.Length; i++)
        {
            Failure? failure = TryCreate(i, preferredSize, out Virtqueue? queue);
            if (queue == null)
            {
                Release(queues, i, quarantine: false);
                return failure;
            }

            queues[i] = queue;
        }

        _queues = queues;
        return null;
    }

    /// <summary>Tells the device of all queues.</summary>
    /// <returns>Null, or why it does not take them.</returns>
    internal Failure? Enable()
    {
        for (int i = 0; i < _queues.Length; i++)
        {
            Failure? failure = _transport.EnableQueue(_queues[i]);
            if (failure is not null)
            {
                return failure;
            }
        }

        return null;
    }

    /// <summary>
    /// Puts an empty queue in the place of one that the device confirmed to have reset, and whose buffers were taken
    /// back.
    /// </summary>
    /// <returns>Null, or why there is none.</returns>
    internal Failure? Replace(int index, int preferredSize)
    {
        Failure? failure = TryCreate(index, preferredSize, out Virtqueue? queue);
        if (queue == null)
        {
            return failure;
        }

        _queues[index].Release(quarantine: false);
        _queues[index] = queue;
        return _transport.EnableQueue(queue);
    }

    /// <summary>Stops all queues and gives their memory up.</summary>
    internal void Release(bool quarantine) => Release(_queues, _queues.Length, quarantine);

    private static void Release(Virtqueue[] queues, int count, bool quarantine)
    {
        for (int i = 0; i < count; i++)
        {
            queues[i].Release(quarantine);
        }
    }

    private Failure? TryCreate(int index, int preferredSize, out Virtqueue? queue)
    {
        queue = null;
        int maximum = _transport.ReadMaximumQueueSize((ushort)index);
        if (maximum < 1 || maximum > Virtqueue.MaximumSize)
        {
            return new Failure(maximum == 0
                ? "lacks its " + Names[index]
                : "has a queue larger than the specification allows");
        }

        _preferredSizes[index] = preferredSize;
        _maximumSizes[index] = maximum;
        int size = Virtqueue.LargestSize(_features, Math.Min(maximum, preferredSize));
        if (size < maximum && _transport.ProposeQueueSize((ushort)index, size) == maximum
            && Virtqueue.LargestSize(_features, maximum) == maximum)
        {
            // kvmtool knows one size for each queue, whatever is written.
            size = maximum;
        }

        queue = Virtqueue.TryCreate(_dma, (ushort)index, size, _features, _shape);
        return queue is null ? new Failure("cannot be given memory for its queues") : null;
    }
}
