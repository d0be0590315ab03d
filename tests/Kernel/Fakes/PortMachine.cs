using System;
using System.Collections.Generic;
using VirtioGuest.Hal;
using VirtioGuest.Simulation;

namespace VirtioGuest.Kernel.Tests.Fakes;

/// <summary>A machine with bytes behind its ports, and interrupt lines that tests raise.</summary>
internal sealed class PortMachine : Hal.Machine
{
    private readonly PortBytes _ports = new();
    private readonly Lines _lines = new();

    /// <summary>What the ports read as.</summary>
    public byte[] Bytes => _ports.Bytes;

    /// <summary>Every write: port, width, value.</summary>
    public List<(ushort Port, int Width, uint Value)> Writes => _ports.Writes;

    /// <summary>What happens when a port is written; the bytes take the value where it is null.</summary>
    public Func<ushort, uint, bool>? OnWrite
    {
        get => _ports.OnWrite;
        set => _ports.OnWrite = value;
    }

    /// <summary>Who holds the line, or null.</summary>
    public InterruptHandler? Handler => _lines.Handler;

    /// <summary>The line that is held.</summary>
    public byte Line => _lines.Number;

    /// <summary>Whether there are lines.</summary>
    public bool HasLines
    {
        get => _lines.IsThere;
        set => _lines.IsThere = value;
    }

    public override PortSpace Ports => _ports;

    public override DmaTag Dma => throw new NotSupportedException();

    public override InterruptController Interrupts => _lines;

    public override MonotonicClock Clock { get; } = new SimulatedClock();

    public override DeviceLog Log => throw new NotSupportedException();

    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) => null;

    private sealed class PortBytes : PortSpace
    {
        public byte[] Bytes { get; } = new byte[0x10000];

        public List<(ushort Port, int Width, uint Value)> Writes { get; } = [];

        public Func<ushort, uint, bool>? OnWrite { get; set; }

        public override byte Read8(ushort port) => Bytes[port];

        public override ushort Read16(ushort port) => BitConverter.ToUInt16(Bytes, port);

        public override uint Read32(ushort port) => BitConverter.ToUInt32(Bytes, port);

        public override void Write8(ushort port, byte value) => Write(port, 1, value);

        public override void Write16(ushort port, ushort value) => Write(port, 2, value);

        public override void Write32(ushort port, uint value) => Write(port, 4, value);

        private void Write(ushort port, int width, uint value)
        {
            Writes.Add((port, width, value));
            if (OnWrite?.Invoke(port, value) != true)
            {
                BitConverter.GetBytes(value).AsSpan(0, width).CopyTo(Bytes.AsSpan(port));
            }
        }
    }

    private sealed class Lines : InterruptController
    {
        public bool IsThere { get; set; } = true;

        public byte Number { get; private set; }

        public InterruptHandler? Handler { get; private set; }

        public override bool HasMessages => false;

        public override MessageInterrupt? AllocateMessage(string name, InterruptHandler handler) => null;

        public override LineInterrupt? AttachLine(byte line, string name, InterruptHandler handler)
        {
            if (!IsThere)
            {
                return null;
            }

            Number = line;
            Handler = handler;
            return new Held(line);
        }

        public override LineInterrupt? AttachEdgeLine(byte line, string name, InterruptHandler handler) =>
            AttachLine(line, name, handler);
    }

    private sealed class Held(byte line) : LineInterrupt(line)
    {
        public override ulong Count => 0;

        public override void Release()
        {
        }
    }
}
