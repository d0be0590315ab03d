using System;
using System.Collections.Generic;
using VirtioGuest.LibOS.Cpu;

namespace VirtioGuest.LibOS.Tests;

/// <summary>
/// A port space for one test, with a device for each port that was given one. Everywhere else reads give all ones, as
/// on a PC, zeros, or what was written last to any port, as minimal VMMs do.
/// </summary>
internal sealed class ConsolePorts : FakePorts, IDisposable
{
    private readonly FakePorts _previous = Processor.Ports;
    private readonly Dictionary<ushort, Func<uint>> _readers = [];
    private readonly Dictionary<ushort, Action<uint>> _writers = [];
    private readonly NoDevice _noDevice;
    private uint _lastWritten;

    public ConsolePorts(NoDevice noDevice = NoDevice.Ones)
    {
        _noDevice = noDevice;
        Processor.Ports = this;
    }

    internal enum NoDevice
    {
        Ones,
        Zeros,
        Echo,
    }

    /// <summary>Every write, in order.</summary>
    public List<(ushort Port, uint Value)> Writes { get; } = [];

    /// <summary>How many reads there were.</summary>
    public int Reads { get; private set; }

    public ConsolePorts OnRead(ushort port, Func<uint> reader)
    {
        _readers[port] = reader;
        return this;
    }

    public ConsolePorts OnWrite(ushort port, Action<uint> writer)
    {
        _writers[port] = writer;
        return this;
    }

    public override uint Read(ushort port, int bytes)
    {
        Reads++;
        if (_readers.TryGetValue(port, out Func<uint>? reader))
        {
            return reader();
        }

        return _noDevice switch
        {
            NoDevice.Zeros => 0,
            NoDevice.Echo => _lastWritten,
            _ => uint.MaxValue,
        };
    }

    public override void Write(ushort port, int bytes, uint value)
    {
        _lastWritten = value;
        Writes.Add((port, value));
        if (_writers.TryGetValue(port, out Action<uint>? writer))
        {
            writer(value);
        }
    }

    public void Dispose() => Processor.Ports = _previous;
}
