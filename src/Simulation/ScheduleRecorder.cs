using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Recording;

namespace VirtioGuest.Simulation;

/// <summary>
/// Records a schedule: each access with its line of source, and after each what every processor must see by then.
/// </summary>
internal sealed unsafe class ScheduleRecorder : IDisposable
{
    private readonly WeakMemory _memory;
    private readonly OrderingModel _ordering;
    private readonly string _path;
    private readonly string _title;
    private readonly string _about;
    private readonly List<byte[]> _views = [];
    private byte[] _now = [];
    private RecordingWriter? _writer;
    private bool _hasFailed;

    internal ScheduleRecorder(WeakMemory memory, OrderingModel ordering, string path, string title, string about)
    {
        _memory = memory;
        _ordering = ordering;
        _path = path;
        _title = title;
        _about = about;
    }

    /// <summary>The scenario is made, and nobody has run yet: the memory is what everybody sees.</summary>
    internal void Start(Scenario scenario)
    {
        string[] names = new string[scenario.Processors.Count];
        _views.Clear();
        for (int i = 0; i < names.Length; i++)
        {
            names[i] = scenario.Processors[i].Name;
            _views.Add(new byte[_memory.Used]);
        }

        _now = new byte[_memory.Used];
        _writer = RecordingWriter.Create(_path, new RecordingHeader(_title, "explorer", names, HasViews: true)
        {
            About = _about,
        });
        scenario.Queues.ForEach(_writer.Add);
        StoreInitially();
        Compare();
    }

    /// <summary>An access is made.</summary>
    internal void Access(
        StepKind kind, int processor, int offset, int size, uint value, bool isOrdered, AccessSite site)
    {
        ReadOnlySpan<byte> bytes = new ReadOnlySpan<byte>(&value, size);
        _writer!.Access(kind, processor, 0, AddressOf(offset), bytes, isOrdered, site, Place());
        if (kind == StepKind.Store)
        {
            bytes.CopyTo(_views[processor].AsSpan(offset));
        }

        Compare();
    }

    /// <summary>A barrier is made.</summary>
    internal void Barrier(int processor, bool isForDevice, AccessSite site) =>
        _writer!.Barrier(processor, 0, isForDevice, site, Place());

    /// <summary>A signal leaves.</summary>
    internal void Send(int processor, int signal)
    {
        StepKind kind = processor == MemoryRecorder.Driver ? StepKind.Kick : StepKind.Interrupt;
        _writer!.Notify(kind, processor, 0, 0, Place());
        Compare();
    }

    /// <summary>A signal arrives.</summary>
    internal void Receive(int processor, int signal)
    {
        _writer!.Say(StepKind.Note, processor, 0, $"wakes up: signal {signal} has arrived");
        Compare();
    }

    /// <summary>The schedule has failed, or has not where there are no words.</summary>
    internal void Fail(int processor, string? failure)
    {
        if (failure is not null && !_hasFailed)
        {
            _hasFailed = true;
            _writer!.Say(StepKind.Failure, processor, 0, failure);
        }
    }

    /// <summary>Records what processors see now that they did not have to see before.</summary>
    internal void Compare()
    {
        for (int processor = 0; processor < _views.Count; processor++)
        {
            byte[] known = _views[processor];
            _ordering.View(processor, _now);
            int at = 0;
            while ((at += _now.AsSpan(at).CommonPrefixLength(known.AsSpan(at))) < _now.Length)
            {
                int end = at + 1;
                while (end < _now.Length && _now[end] != known[end])
                {
                    end++;
                }

                ReadOnlySpan<byte> bytes = _now.AsSpan(at, end - at);
                _writer!.Access(StepKind.View, processor, 0, AddressOf(at), bytes);
                bytes.CopyTo(known.AsSpan(at));
                at = end;
            }
        }
    }

    /// <summary>What the memory holds before the first access was stored by the driver.</summary>
    private void StoreInitially()
    {
        ReadOnlySpan<byte> memory = new ReadOnlySpan<byte>(_memory.Start, _memory.Used);
        int at = 0;
        while (memory[at..].IndexOfAnyExcept((byte)0) is int start and >= 0)
        {
            at += start;
            int length = memory[at..].IndexOf((byte)0);
            ReadOnlySpan<byte> bytes = length < 0 ? memory[at..] : memory.Slice(at, length);
            _writer!.Access(StepKind.Store, MemoryRecorder.Driver, 0, AddressOf(at), bytes);
            bytes.CopyTo(_views[MemoryRecorder.Driver].AsSpan(at));
            at += bytes.Length;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _writer?.Dispose();

    private ulong AddressOf(int offset) => _memory.DeviceAddress(_memory.Start + offset);

    private int Place() => _writer!.NumberOf(SourcePlaces.Find());
}
