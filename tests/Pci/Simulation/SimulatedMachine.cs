using System;
using System.Buffers.Binary;
using System.Linq;
using VirtioGuest.Hal;

namespace VirtioGuest.Pci.Tests.Simulation;

/// <summary>A machine that has PCI and nothing else.</summary>
public sealed class SimulatedMachine : Machine
{
    public SimulatedMachine(bool hasMechanism1 = true)
    {
        SimulatedPorts = new SimulatedPorts(Host, hasMechanism1);
    }

    public SimulatedHost Host { get; } = new SimulatedHost();

    public SimulatedPorts SimulatedPorts { get; }

    public RecordingLog Messages { get; } = new RecordingLog();

    /// <summary>Whether memory can be mapped.</summary>
    public bool CanMap { get; set; } = true;

    public override PortSpace Ports => SimulatedPorts;

    public override DeviceLog Log => Messages;

    public override DmaTag Dma => throw new NotSupportedException();

    public override InterruptController Interrupts => throw new NotSupportedException();

    public override MonotonicClock Clock => throw new NotSupportedException();

    public PciTopology Discover() => PciTopology.Discover(new ConfigurationMechanism1(Ports), Log);

    public override MmioRegion? MapMmio(ulong physicalAddress, uint length) =>
        CanMap ? new Region(Host, physicalAddress, length) : null;

    /// <summary>Leads each access to the one function that decodes it; unanswered reads give all ones.</summary>
    private sealed class Region(SimulatedHost host, ulong start, uint length) : MmioRegion(length)
    {
        public override byte Read8(uint offset)
        {
            Span<byte> at = At(offset, 1);
            return at.IsEmpty ? byte.MaxValue : at[0];
        }

        public override ushort Read16(uint offset)
        {
            Span<byte> at = At(offset, 2);
            return at.IsEmpty ? ushort.MaxValue : BinaryPrimitives.ReadUInt16LittleEndian(at);
        }

        public override uint Read32(uint offset)
        {
            Span<byte> at = At(offset, 4);
            return at.IsEmpty ? uint.MaxValue : BinaryPrimitives.ReadUInt32LittleEndian(at);
        }

        public override void Write8(uint offset, byte value)
        {
            Span<byte> at = At(offset, 1, true);
            if (!at.IsEmpty)
            {
                at[0] = value;
            }
        }

        public override void Write16(uint offset, ushort value)
        {
            Span<byte> at = At(offset, 2, true);
            if (!at.IsEmpty)
            {
                BinaryPrimitives.WriteUInt16LittleEndian(at, value);
            }
        }

        public override void Write32(uint offset, uint value)
        {
            Span<byte> at = At(offset, 4, true);
            if (!at.IsEmpty)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(at, value);
            }
        }

        private Span<byte> At(uint offset, uint width, bool writes = false)
        {
            if (offset % width != 0 || offset > Length - width)
            {
                throw new ArgumentOutOfRangeException(nameof(offset));
            }

            var (function, index, within) = host.Decode(false, start + offset).SingleOrDefault();
            bool answers = function != null && !(writes && function.Stuck.Contains(within));
            return answers ? function!.Memory(index).AsSpan((int)within) : default;
        }
    }
}
