using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>A machine that has configuration space in memory, beside mechanism 1 or without it.</summary>
public sealed class SimulatedEcam : Machine
{
    public const ulong Base = 0xE0000000;

    public SimulatedEcam(bool hasMechanism1 = false)
    {
        Ports = new SimulatedPorts(Host, hasMechanism1);
    }

    public SimulatedHost Host { get; } = new SimulatedHost();

    public RecordingLog Messages { get; } = new RecordingLog();

    /// <summary>Whether memory can be mapped.</summary>
    public bool CanMap { get; set; } = true;

    /// <summary>What was mapped last.</summary>
    public (ulong Start, uint Length) Mapped { get; private set; }

    public override PortSpace Ports { get; }

    public override DeviceLog Log => Messages;

    public override DmaTag Dma => throw new NotSupportedException();

    public override InterruptController Interrupts => throw new NotSupportedException();

    public override MonotonicClock Clock => throw new NotSupportedException();

    public override MmioRegion? MapMmio(ulong physicalAddress, uint length)
    {
        Mapped = (physicalAddress, length);
        return CanMap ? new Window(Host, physicalAddress - Base, length) : null;
    }

    /// <summary>Leads each access to the function that its address names.</summary>
    private sealed class Window(SimulatedHost host, ulong start, uint length) : MmioRegion(length)
    {
        public override byte Read8(uint offset) => (byte)Read(offset, 1);

        public override ushort Read16(uint offset) => (ushort)Read(offset, 2);

        public override uint Read32(uint offset) => Read(offset, 4);

        public override void Write8(uint offset, byte value) => Write(offset, 1, value);

        public override void Write16(uint offset, ushort value) => Write(offset, 2, value);

        public override void Write32(uint offset, uint value) => Write(offset, 4, value);

        private uint Read(uint offset, int width) =>
            Route(offset, width)?.Read((uint)(start + offset) & 0xFFF, width) ?? host.Absent;

        private void Write(uint offset, int width, uint value) =>
            Route(offset, width)?.Write((uint)(start + offset) & 0xFFF, width, value);

        private SimulatedFunction? Route(uint offset, int width)
        {
            if (offset + (uint)width > Length || offset % width != 0)
            {
                throw new ArgumentOutOfRangeException(nameof(offset));
            }

            ulong place = start + offset;
            return host.Route((byte)(place >> 20), (int)(place >> 12) & 0xFF);
        }
    }
}
