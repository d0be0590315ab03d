using System;
using VirtioGuest.Devices.Rings;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Hal;
using VirtioGuest.Recording;
using VirtioGuest.Simulation;

namespace VirtioGuest.Trace.Examples;

/// <summary>A queue with both sides in one memory, and a recorder of everything that they do.</summary>
internal sealed class RecordedRing : IDisposable
{
    private readonly RecordingWriter _writer;
    private readonly IDisposable _simulated;
    private readonly IDisposable _installed;

    /// <summary>Makes the queue.</summary>
    /// <param name="path">Where the recording goes.</param>
    /// <param name="title">Its title.</param>
    /// <param name="about">What it shows.</param>
    /// <param name="features">The negotiated features.</param>
    /// <param name="size">The size of the queue.</param>
    /// <param name="options">What the memory is like.</param>
    public RecordedRing(
        string path, string title, string about, Features features, ushort size, SimulatedDmaOptions options)
    {
        bool hasViews = options.Cache is not null;
        _writer = RecordingWriter.Create(
            path, new RecordingHeader(title, "model", ["driver", "device"], hasViews) { About = about });
        Recorder = new MemoryRecorder(_writer, findsPlaces: true);
        Memory = new SimulatedDma(options) { Recorder = Recorder };
        _simulated = hasViews ? Memory.Install() : new Nothing();
        _installed = Recorder.Install();
        Queue = Virtqueue.TryCreate(Memory, 0, size, features, default)!;
        Recorder.Add(RecordedQueue.Of(
            0, "requestq1", size, Queue.DescriptorArea, Queue.DriverArea, Queue.DeviceArea, (ulong)features));
        Buffers = Memory.Allocate(4096, 64)!;
        Device = DeviceQueue.TryOpen(
            new RecordedGuestMemory(Memory.GuestMemory, Recorder),
            new QueueAreas(Queue.DescriptorArea, Queue.DriverArea, Queue.DeviceArea),
            size,
            (ulong)features,
            out _)!;
    }

    /// <summary>Who records.</summary>
    public MemoryRecorder Recorder { get; }

    /// <summary>The machine's memory.</summary>
    public SimulatedDma Memory { get; }

    /// <summary>The driver's side.</summary>
    public Virtqueue Queue { get; }

    /// <summary>The device's side.</summary>
    public DeviceQueue Device { get; }

    /// <summary>Memory for the buffers.</summary>
    public DmaMemory Buffers { get; }

    /// <summary>The driver says what it does.</summary>
    public void Say(string text) => Recorder.Say(StepKind.Note, MemoryRecorder.Driver, text);

    /// <summary>The device says what it does.</summary>
    public void SayOfDevice(string text) => Recorder.Say(StepKind.Note, MemoryRecorder.Device, text);

    /// <summary>Notifies the device where it wants that.</summary>
    public void Kick()
    {
        if (Queue.NeedsNotification())
        {
            Recorder.Notify(StepKind.Kick, 0);
        }
    }

    /// <summary>Makes a buffer used, and interrupts where the driver wants that.</summary>
    public void Use(DeviceChain chain, uint length)
    {
        Device.Push(chain, length);
        if (Device.Publish())
        {
            Recorder.Notify(StepKind.Interrupt, 0);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _installed.Dispose();
        _simulated.Dispose();
        _writer.Dispose();
        Memory.Dispose();
    }

    private sealed class Nothing : IDisposable
    {
        public void Dispose()
        {
        }
    }
}
