using System;
using System.Collections.Generic;
using System.Linq;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Tests.Rings;

/// <summary>
/// Runs operations on a queue, on the device's side of it, and on a reference that knows nothing of rings, and compares
/// all that can be seen after each.
/// </summary>
internal sealed class QueueScenario : IDisposable
{
    public const int TableLength = 5;

    private readonly QueueBench _bench;
    private readonly bool _isPacked;
    private readonly bool _isInOrder;
    private readonly bool _hasEventIndex;
    private readonly bool _hasTables;
    private readonly Dictionary<int, Posted> _inFlight = new Dictionary<int, Posted>();
    private readonly Queue<int> _available = new Queue<int>();
    private readonly List<(DeviceChain Buffer, int Token)> _taken = new List<(DeviceChain, int)>();
    private readonly Queue<(int Token, uint Written)> _used = new Queue<(int, uint)>();
    private readonly List<long> _trace = new List<long>();
    private int _nextToken;
    private int _free;
    private long _addedUnits;
    private long _announcedUnits;
    private long _takenUnits;
    private long? _wantedUnit;
    private bool _wantsAll = true;
    private bool _isArmed;
    private bool _isDisabled;

    public QueueScenario(Features features, int size, bool isCoherent)
    {
        _bench = new QueueBench(size, features, TableLength, isCoherent);
        _isPacked = (features & Features.RingPacked) != 0;
        _isInOrder = (features & Features.InOrder) != 0;
        _hasEventIndex = (features & Features.EventIdx) != 0;
        _hasTables = (features & Features.IndirectDesc) != 0 && size > 1;
        _free = size;
        Expect(_bench.Queue.IndirectTableLength == (_hasTables ? Math.Min(TableLength, size) : 0), "table length");
        Enable(0);
        _bench.IsInterruptDue();
        _bench.SuppressNotifications(false);
        WantNext();
    }

    /// <summary>What the driver's owner saw.</summary>
    public IReadOnlyList<long> Trace => _trace;

    public void Run(IEnumerable<int> operations)
    {
        foreach (int operation in operations)
        {
            Step(operation % 10, operation / 10);
            Expect(_bench.Queue.FreeDescriptors == _free, "free descriptors");
            Expect(_bench.Queue.InFlight == _inFlight.Count, "buffers in flight");
            Expect(_bench.Queue.Fault == QueueFault.None, "fault");
            _trace.Add(_free);
        }
    }

    public void Dispose() => _bench.Dispose();

    private static void Expect(bool condition, string what)
    {
        if (!condition)
        {
            throw new InvalidOperationException("driver and reference disagree: " + what);
        }
    }

    private void Step(int kind, int argument)
    {
        switch (kind)
        {
            case 0:
            case 1:
            case 2:
                Add(argument % 4, argument / 4 % 5);
                break;
            case 3:
                Take();
                break;
            case 4:
                Use(argument, 1);
                break;
            case 5:
                Use(argument, 1 + (argument % 4));
                break;
            case 6:
                GetUsed();
                break;
            case 7:
                GetUsedBatch(argument % 4);
                break;
            case 8:
                Interrupts(argument);
                break;
            default:
                Notifications(argument);
                break;
        }
    }

    private void Add(int readable, int writable)
    {
        int segments = readable + writable;
        bool isIndirect = _hasTables && segments > 1 && segments <= _bench.Queue.IndirectTableLength;
        int descriptors = isIndirect ? 1 : segments;
        AddStatus expected = segments == 0 || segments > _bench.Queue.Size ? AddStatus.Invalid
            : descriptors > _free ? AddStatus.Full : AddStatus.Ok;
        Expect(
            segments == 0 || _bench.Queue.HasRoom(segments) == (expected == AddStatus.Ok), "whether there is room");
        ushort id = _bench.Queue.NextBufferId;
        Expect(_bench.Add(readable, writable, _nextToken) == expected, "status of adding");
        _trace.Add((long)expected);
        if (expected == AddStatus.Ok)
        {
            _inFlight.Add(_nextToken, new Posted(readable, writable, descriptors, id));
            _available.Enqueue(_nextToken++);
            _free -= descriptors;
            _addedUnits += _isPacked ? descriptors : 1;
        }
    }

    private void Take()
    {
        if (_available.TryDequeue(out int token))
        {
            Posted posted = _inFlight[token];
            DeviceChain buffer = _bench.TakeExpecting(posted.Readable, posted.Writable, token);
            Expect(QueueBench.DescriptorsOf(buffer) == posted.Descriptors, "descriptors of a chain");
            _taken.Add((buffer, token));
            _takenUnits += _isPacked ? posted.Descriptors : 1;
        }
        else
        {
            Expect(_bench.Device.TryPop() == null, "something is available");
        }
    }

    private void Use(int argument, int wanted)
    {
        int count = _isInOrder ? Math.Min(wanted, _taken.Count) : Math.Min(1, _taken.Count);
        if (count == 0)
        {
            return;
        }

        int first = _isInOrder ? 0 : argument % _taken.Count;
        (DeviceChain Buffer, int Token)[] batch = _taken.Skip(first).Take(count).ToArray();
        _taken.RemoveRange(first, count);
        uint[] rooms = batch.Select(b => (uint)b.Buffer.WritableLength).ToArray();
        uint room = rooms[^1];
        uint length = room == 0 ? (uint)argument : (uint)argument % (room + 1);
        if (count > 1)
        {
            _bench.UseBatch(batch.Select(b => b.Buffer).ToArray(), length);
        }
        else
        {
            _bench.Use(batch[0].Buffer, length, setWrite: argument % 2 == 0);
        }

        for (int i = 0; i < count; i++)
        {
            _used.Enqueue((batch[i].Token, rooms[i] == 0 ? 0 : i < count - 1 ? rooms[i] : length));
        }

        bool isDue = _bench.IsInterruptDue();
        Expect(!_isArmed || isDue, "an interrupt is lost");
        Expect(!_isDisabled || !isDue, "an interrupt was not wanted");
        _isArmed &= !_hasEventIndex;
    }

    private void GetUsed()
    {
        bool isUsed = _bench.Queue.TryGetUsed(out int token, out uint written);
        Expect(isUsed == (_used.Count != 0), "whether a buffer was used");
        if (isUsed)
        {
            Retire(token, written);
        }
    }

    private void GetUsedBatch(int room)
    {
        UsedBuffer[] buffers = new UsedBuffer[room];
        int count = _bench.Queue.GetUsed(buffers);
        Expect(count == Math.Min(room, _used.Count), "how many buffers were used");
        for (int i = 0; i < count; i++)
        {
            Expect(buffers[i].BufferId == _inFlight[buffers[i].Token].Id, "a buffer ID");
            Retire(buffers[i].Token, buffers[i].WrittenBytes);
        }
    }

    private void Retire(int token, uint written)
    {
        Expect(_used.Dequeue() == (token, written), "a used buffer");
        _inFlight.Remove(token, out Posted? posted);
        _free += posted!.Descriptors;
        _trace.Add(token);
        _trace.Add(written);
    }

    private void Interrupts(int argument)
    {
        if (argument % 3 == 0)
        {
            _bench.Queue.DisableInterrupts();
            _isArmed = false;
            _isDisabled = true;
        }
        else
        {
            Enable(argument % 3 == 1 ? 0 : argument % 101);
        }
    }

    private void Enable(int percent)
    {
        bool isWaiting = percent == 0
            ? _bench.Queue.EnableInterrupts()
            : _bench.Queue.EnableInterruptsDelayed(percent);
        Expect(isWaiting == (_used.Count != 0), "whether a used buffer waits");
        _trace.Add(isWaiting ? 1 : 0);
        _isArmed = !isWaiting && (percent == 0 || !_hasEventIndex);
        _isDisabled = false;
    }

    private void Notifications(int argument)
    {
        switch (argument % 4)
        {
            case 0:
                _bench.SuppressNotifications(true);
                _wantsAll = false;
                _wantedUnit = _hasEventIndex && !_isPacked ? _takenUnits - 1 : null;
                break;
            case 1:
                _bench.SuppressNotifications(false);
                WantNext();
                break;
            case 2 when _hasEventIndex:
                int ahead = argument / 4 % 5;
                _bench.AskForNotificationAt(ahead);
                _wantsAll = false;
                _wantedUnit = _takenUnits + ahead;
                break;
            default:
                bool isNeeded = _bench.Queue.NeedsNotification();
                Expect(isNeeded == IsNotificationDue(), "whether the device is notified");
                _announcedUnits = _addedUnits;
                break;
        }
    }

    private void WantNext()
    {
        _wantsAll = _isPacked || !_hasEventIndex;
        _wantedUnit = _takenUnits;
    }

    private bool IsNotificationDue()
    {
        if (_wantsAll || _wantedUnit == null)
        {
            return _wantsAll && _announcedUnits != _addedUnits;
        }

        long period = _isPacked ? 2 * _bench.Queue.Size : 65536;
        for (long unit = _announcedUnits; unit < _addedUnits; unit++)
        {
            if ((unit - _wantedUnit.Value) % period == 0)
            {
                return true;
            }
        }

        return false;
    }

    private sealed record Posted(int Readable, int Writable, int Descriptors, ushort Id);
}
