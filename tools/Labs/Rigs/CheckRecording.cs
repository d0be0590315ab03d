using System;
using System.Buffers.Binary;
using System.IO;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Recording;
using VirtioGuest.Simulation;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>
/// Records a check that has failed, while it is run once more, for the ring viewer. A check may build several machines;
/// the recording is of the last, which is where it failed.
/// </summary>
/// <remarks>One at a time on a thread: that of the check.</remarks>
internal sealed class CheckRecording : IDisposable
{
    /// <summary>
    /// Where there are more, the recording begins anew at the next call of the driver: nobody looks at so many.
    /// </summary>
    private const int EnoughSteps = 2_000;

    private const int MostSteps = 50_000;

    [ThreadStatic]
    private static CheckRecording? s_current;

    private readonly string _path;
    private readonly string _title;
    private RecordingWriter? _writer;
    private MemoryRecorder? _recorder;
    private IDisposable? _installed;
    private SimulatedDma? _memory;
    private RecordedQueue? _queue;
    private int _words;
    private int _before;
    private bool _isWhole;

    private CheckRecording(string path, string title)
    {
        _path = path;
        _title = title;
    }

    /// <summary>What is recorded of the calling thread; null while nothing is.</summary>
    public static CheckRecording? Current => s_current;

    /// <summary>Runs a check, and keeps a recording of it if it fails and a ring was looked at.</summary>
    /// <param name="path">Where the recording goes.</param>
    /// <param name="title">What it is called.</param>
    /// <param name="check">Runs the check, and says why it failed; null where it did not.</param>
    public static void Run(string path, string title, Func<Finding?> check)
    {
        using CheckRecording recording = new CheckRecording(path, title);
        s_current = recording;
        if (check() is { } finding)
        {
            recording.Fail(finding);
        }
    }

    /// <summary>Memory as a device or the judge is to see it: recorded, where a check is.</summary>
    /// <param name="memory">The memory of a machine that has just been made.</param>
    public static GuestMemory ViewOf(SimulatedDma memory) =>
        Current is { } current ? new RecordedGuestMemory(memory.GuestMemory, current.Attach(memory))
        : memory.GuestMemory;

    /// <summary>Memory as the judge sees it, whose looks are not recorded.</summary>
    public static GuestMemory OnlookersViewOf(SimulatedDma memory) => Current?._recorder is { } recorder
        ? new RecordedGuestMemory(memory.GuestMemory, recorder, isOnlooker: true)
        : memory.GuestMemory;

    /// <summary>Says that there is a queue.</summary>
    public void Show(int index, QueueAreas areas, int size, ulong features)
    {
        _queue = Describe(index, areas, size, features);
        _recorder?.Add(_queue);
    }

    /// <summary>The driver has notified the device, by its last step.</summary>
    public void Kick(int queue) => _writer?.Notify(StepKind.Kick, MemoryRecorder.Driver, 0, queue);

    /// <summary>The device interrupts: by itself, no reason to keep a recording.</summary>
    public void Interrupt()
    {
        _recorder?.Notify(StepKind.Interrupt, 0);
        _words++;
    }

    /// <summary>Says what the driver is asked for.</summary>
    public void Say(string text)
    {
        if (_recorder is null)
        {
            return;
        }

        if (_writer!.Steps > EnoughSteps && _queue is { IsPacked: false } queue && IndexAtRest(queue) is ushort index)
        {
            _before += _writer.Steps;
            _writer.Dispose();
            _writer = Create($"The {_before:n0} steps before are left out.");
            _recorder.GoOn(_writer, queue with { Start = index });
            _words = 0;
        }

        _recorder.Say(StepKind.Note, MemoryRecorder.Driver, text);
        _words++;
    }

    /// <summary>Does something as the device, which is the student's.</summary>
    public static T AsDevice<T>(Func<T> act)
    {
        Current?._recorder?.Acting(MemoryRecorder.Device);
        try
        {
            return act();
        }
        finally
        {
            Current?._recorder?.Acting(MemoryRecorder.Driver);
        }
    }

    /// <summary>Records the schedule that an explorer has found.</summary>
    public void Record(
        ScheduleExplorer explorer, Func<WeakMemory, Scenario> create, string choices, RingNames names, string about)
    {
        Close();
        explorer.Record(
            memory =>
            {
                Scenario scenario = create(memory);
                ulong features = names.IsPacked ? FeatureBit.RingPacked : 0;
                return names.Areas.Descriptor == 0
                    ? scenario
                    : scenario.Showing(Describe(0, names.Areas, names.Size, features));
            },
            choices,
            _path,
            _title,
            about);
        _isWhole = true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        s_current = null;
        Close();
        if (!_isWhole)
        {
            File.Delete(_path);
        }
    }

    private static RecordedQueue Describe(int index, QueueAreas areas, int size, ulong features) =>
        RecordedQueue.Of(index, $"queue {index}", size, areas.Descriptor, areas.Driver, areas.Device, features);

    private MemoryRecorder Attach(SimulatedDma memory)
    {
        Close();
        _memory = memory;
        _writer = Create(string.Empty);
        _recorder = new MemoryRecorder(_writer, findsPlaces: true);
        memory.Recorder = _recorder;
        _installed = _recorder.Install();
        return _recorder;
    }

    private RecordingWriter Create(string about) => RecordingWriter.Create(
        _path,
        new RecordingHeader(_title, "model", ["driver", "device"], _memory!.HandOverGranularity > 1) { About = about },
        MostSteps);

    /// <summary>The index of a split ring with nothing in flight; null where something is.</summary>
    private ushort? IndexAtRest(RecordedQueue queue)
    {
        GuestMemory memory = OnlookersViewOf(_memory!);
        Span<byte> available = stackalloc byte[2];
        Span<byte> used = stackalloc byte[2];
        return memory.TryRead(queue.DriverArea + 2, available)
            && memory.TryRead(queue.DeviceArea + 2, used)
            && available.SequenceEqual(used)
            && _memory!.HandOverGranularity == 1
            ? BinaryPrimitives.ReadUInt16LittleEndian(used)
            : null;
    }

    /// <summary>Keeps what has more in it than words. A hang may go on longer than anybody looks.</summary>
    private void Fail(Finding finding)
    {
        if (_recorder is not null && _queue is not null && _writer!.Steps > _words)
        {
            if (_writer.Dropped == 0)
            {
                _recorder.Say(StepKind.Failure, MemoryRecorder.Driver, finding.Seen);
            }

            _isWhole = true;
        }
    }

    private void Close()
    {
        // Not where a machine's own simulation has been put in front since, or has been taken away with it.
        if (_recorder is not null && MemorySimulation.Current == _recorder)
        {
            _installed?.Dispose();
        }

        _writer?.Dispose();
        (_writer, _recorder, _installed, _memory, _queue) = (null, null, null, null, null);
        (_words, _before) = (0, 0);
    }
}

/// <summary>Tells a recording of queues and of notifications, as soon as there are any.</summary>
internal sealed class QueueLook(VirtioDeviceModel model)
{
    private readonly bool[] _wasEnabled = new bool[model.Queues.Length];
    private readonly ulong[] _notifications = new ulong[model.Queues.Length];

    /// <summary>Looks at what the driver's last step has done.</summary>
    public void Look()
    {
        if (CheckRecording.Current is not { } recording)
        {
            return;
        }

        for (int i = 0; i < _wasEnabled.Length; i++)
        {
            ModelQueue queue = model.Queues[i];
            if (queue.IsEnabled && !_wasEnabled[i])
            {
                recording.Show(i, queue.Areas, queue.Size, model.DriverFeatures);
            }

            if (queue.NotificationsReceived > _notifications[i])
            {
                recording.Kick(i);
            }

            (_wasEnabled[i], _notifications[i]) = (queue.IsEnabled, queue.NotificationsReceived);
        }
    }
}

/// <summary>Looks at the queues before each step of the driver, too.</summary>
internal sealed class RecordedWatch(LabWatch watch, QueueLook look) : LabWatch
{
    /// <inheritdoc/>
    public override void OnStep()
    {
        look.Look();
        watch.OnStep();
    }

    /// <inheritdoc/>
    public override void OnPause()
    {
        look.Look();
        watch.OnPause();
    }

    /// <inheritdoc/>
    public override void OnWait(LabInterrupt interrupt)
    {
        look.Look();
        watch.OnWait(interrupt);
    }
}

/// <summary>Records interrupts, and passes them on.</summary>
internal sealed class RecordedOutput(InterruptOutput output) : InterruptOutput
{
    /// <inheritdoc/>
    public override void SendMessage(ulong address, uint data)
    {
        CheckRecording.Current?.Interrupt();
        output.SendMessage(address, data);
    }

    /// <inheritdoc/>
    public override void SetLine(bool isAsserted)
    {
        if (isAsserted)
        {
            CheckRecording.Current?.Interrupt();
        }

        output.SetLine(isAsserted);
    }
}
