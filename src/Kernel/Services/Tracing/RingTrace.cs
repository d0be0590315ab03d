using System;
using System.Collections.Generic;
using System.IO;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.Recording;

namespace VirtioGuest.Kernel.Services.Tracing;

/// <summary>
/// Records what one driver does with its rings: each hand-over, with the bytes that either side has written since the
/// one before. Notifications are seen by their counts, and so are interrupts that woke the queue's driver thread.
/// </summary>
/// <remarks>
/// Room for the steps is set aside at the beginning: recording allocates nothing and waits for nobody but the thread
/// that records at the same time. What finds no more room is counted.
/// </remarks>
internal sealed class RingTrace : HandOverObserver
{
    /// <summary>How many steps there is room for.</summary>
    public const int MostSteps = 1 << 16;

    private const int BytesLength = 1 << 20;
    private const uint LargestShadow = 4 * 1024 * 1024;
    private const int LargestStore = 64;
    private const int WordLength = 4;

    private readonly Lock _gate = new();
    private readonly VirtioDevice _device;
    private readonly Entry[] _entries = new Entry[MostSteps];
    private readonly byte[] _bytes = new byte[BytesLength];
    private readonly Dictionary<DmaMemory, byte[]> _shadows = [];
    private readonly ulong _start = TimestampCounter.Nanoseconds;
    private ulong[] _kicks = [];
    private ulong[] _interrupts = [];
    private RecordedQueue[] _queues = [];
    private int _count;
    private int _byteCount;

    private RingTrace(VirtioDevice device)
    {
        _device = device;
    }

    /// <summary>The device that is recorded.</summary>
    public VirtioDevice Device => _device;

    /// <summary>How many steps were kept.</summary>
    public int Steps => _count;

    /// <summary>How many steps found no room.</summary>
    public long Dropped { get; private set; }

    /// <summary>Restarts a device with memory that is observed.</summary>
    /// <param name="owner">The device's owner.</param>
    /// <param name="failure">Why not.</param>
    public static RingTrace? TryStart(ILendableDevice owner, out Failure? failure)
    {
        if (!owner.TrySuspend(out failure))
        {
            return null;
        }

        var trace = new RingTrace(owner.Device);
        owner.Device.Observer = trace;
        if (!owner.TryResume(out failure))
        {
            owner.Device.Observer = null;
            return null;
        }

        trace.Describe();
        failure = null;
        return trace;
    }

    /// <summary>Restarts the device with memory as the machine gives it.</summary>
    /// <returns>Null, or why it is not recorded any more but did not come back either.</returns>
    public Failure? Stop(ILendableDevice owner)
    {
        if (!owner.TrySuspend(out Failure? failure))
        {
            return failure;
        }

        _device.Observer = null;
        return owner.TryResume(out failure) ? null : failure;
    }

    /// <summary>Writes the recording.</summary>
    public void Write(TextWriter output)
    {
        lock (_gate)
        {
            var header = new RecordingHeader(
                $"{_device.Name}: {_device.Driver.Name} in the guest", "guest", ["driver", "device"], IsTimed: true)
            {
                About = "Recorded by the guest's own driver, at its hand-overs: a store appears with the hand-over "
                    + "that follows it. The rings work as on a machine without coherent memory meanwhile.",
            };
            using var writer = new RecordingWriter(output, header, MostSteps + 1, leavesOpen: true);
            foreach (RecordedQueue queue in _queues)
            {
                writer.Add(queue);
            }

            for (int i = 0; i < _count; i++)
            {
                Write(writer, _entries[i]);
            }

            if (Dropped != 0)
            {
                writer.Say(StepKind.Note, 0, 0, $"goes on; {Dropped} more steps found no room");
            }
        }
    }

    /// <inheritdoc/>
    public override void OnAllocated(DmaMemory memory)
    {
        lock (_gate)
        {
            if (memory.Length <= LargestShadow)
            {
                _shadows[memory] = new byte[memory.Length];
            }
        }
    }

    /// <inheritdoc/>
    public override void OnGivenUp(DmaMemory memory)
    {
        lock (_gate)
        {
            _shadows.Remove(memory);
        }
    }

    /// <inheritdoc/>
    public override void OnHandOver(DmaMemory memory, uint offset, uint length, DmaSync operation, AccessSite site)
    {
        lock (_gate)
        {
            LookAtCounts();
            ulong now = Now;
            const DmaSync Post = DmaSync.PostRead | DmaSync.PostWrite;
            int actor = (operation & Post) != 0 ? MemoryRecorder.Device : MemoryRecorder.Driver;
            AddStores(memory, offset, length, actor, now);
            Add(new Entry
            {
                Kind = StepKind.Sync,
                Time = now,
                Address = memory.DeviceAddress + offset,
                Length = length,
                Mode = (byte)operation,
                Site = (ushort)site,
            });
        }
    }

    private ulong Now => TimestampCounter.Nanoseconds - _start;

    private void Write(RecordingWriter writer, in Entry entry)
    {
        ReadOnlySpan<byte> bytes = _bytes.AsSpan(entry.BytesAt, entry.Kind == StepKind.Store ? (int)entry.Length : 0);
        switch (entry.Kind)
        {
            case StepKind.Store:
                writer.Access(entry.Kind, entry.Actor, entry.Time, entry.Address, bytes);
                break;
            case StepKind.Data:
                writer.Data(entry.Actor, entry.Time, entry.Address, entry.Length, isWrite: true);
                break;
            case StepKind.Sync:
                writer.Sync(
                    MemoryRecorder.Driver,
                    entry.Time,
                    entry.Address,
                    entry.Length,
                    (DmaSync)entry.Mode,
                    (AccessSite)entry.Site);
                break;
            default:
                writer.Notify(entry.Kind, entry.Actor, entry.Time, (int)entry.Address);
                break;
        }
    }

    /// <summary>The device runs: its queues have their places.</summary>
    private void Describe()
    {
        lock (_gate)
        {
            ReadOnlySpan<Virtqueue> queues = _device.RunningQueues;
            _queues = new RecordedQueue[queues.Length];
            _kicks = new ulong[queues.Length];
            _interrupts = new ulong[queues.Length];
            for (int i = 0; i < queues.Length; i++)
            {
                Virtqueue queue = queues[i];
                _queues[i] = RecordedQueue.Of(
                    i,
                    _device.NameOf(i),
                    queue.Size,
                    queue.DescriptorArea,
                    queue.DriverArea,
                    queue.DeviceArea,
                    (ulong)_device.Features);
                _kicks[i] = queue.Notifications;
                _interrupts[i] = _device.Transport.QueueInterrupt((ushort)i)?.Count ?? 0;
            }
        }
    }

    /// <summary>What has been counted since the last look came before what is recorded next.</summary>
    private void LookAtCounts()
    {
        ReadOnlySpan<Virtqueue> queues = _device.RunningQueues;
        for (int i = 0; i < queues.Length && i < _kicks.Length; i++)
        {
            if (queues[i].Notifications != _kicks[i])
            {
                _kicks[i] = queues[i].Notifications;
                Add(new Entry { Kind = StepKind.Kick, Actor = MemoryRecorder.Driver, Time = Now, Address = (ulong)i });
            }

            ulong count = _device.Transport.QueueInterrupt((ushort)i)?.Count ?? 0;
            if (count != _interrupts[i])
            {
                _interrupts[i] = count;
                Add(new Entry
                {
                    Kind = StepKind.Interrupt,
                    Actor = MemoryRecorder.Device,
                    Time = Now,
                    Address = (ulong)i,
                });
            }
        }
    }

    /// <summary>Adds the runs of words of a range that somebody has written since it was handed over last.</summary>
    private void AddStores(DmaMemory memory, uint offset, uint length, int actor, ulong now)
    {
        if (!_shadows.TryGetValue(memory, out byte[]? shadow) || offset > shadow.Length
            || length > (uint)shadow.Length - offset)
        {
            return;
        }

        ReadOnlySpan<byte> bytes = memory.Bytes(offset, length);
        Span<byte> known = shadow.AsSpan((int)offset, (int)length);
        int at = 0;
        while ((at += bytes[at..].CommonPrefixLength(known[at..])) < bytes.Length)
        {
            int end = at + 1;
            for (int same = 0; end < bytes.Length && same < WordLength; end++)
            {
                same = bytes[end] == known[end] ? same + 1 : 0;
            }

            // Fields are shown whole: a run begins at a halfword. A long one is a buffer's data, which is not kept.
            at -= at == 0 ? 0 : (int)((offset + (uint)at) & 1);
            ReadOnlySpan<byte> run = bytes[at..end];
            run.CopyTo(known[at..]);
            ulong address = memory.DeviceAddress + offset + (uint)at;
            if (run.Length <= LargestStore)
            {
                AddStore(address, run, actor, now);
            }
            else
            {
                Add(new Entry
                {
                    Kind = StepKind.Data,
                    Actor = (byte)actor,
                    Time = now,
                    Address = address,
                    Length = (uint)run.Length,
                });
            }

            at = end;
        }
    }

    private void AddStore(ulong address, ReadOnlySpan<byte> bytes, int actor, ulong now)
    {
        if (_byteCount + bytes.Length > BytesLength)
        {
            Dropped++;
            return;
        }

        bytes.CopyTo(_bytes.AsSpan(_byteCount));
        Add(new Entry
        {
            Kind = StepKind.Store,
            Actor = (byte)actor,
            Time = now,
            Address = address,
            Length = (uint)bytes.Length,
            BytesAt = _byteCount,
        });
        _byteCount += bytes.Length;
    }

    private void Add(in Entry entry)
    {
        if (_count == MostSteps)
        {
            Dropped++;
        }
        else
        {
            _entries[_count++] = entry;
        }
    }

    /// <summary>A step.</summary>
    private struct Entry
    {
        public StepKind Kind;
        public ulong Time;
        public ulong Address;
        public uint Length;
        public int BytesAt;
        public ushort Site;
        public byte Actor;
        public byte Mode;
    }
}
