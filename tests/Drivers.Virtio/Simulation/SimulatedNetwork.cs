using System;
using System.Collections.Generic;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>A network device, from the text of virtio 1.4, 5.1.</summary>
internal sealed unsafe class SimulatedNetwork : SimulatedDevice
{
    private readonly List<TakenBuffer> _held = new List<TakenBuffer>();

    public SimulatedNetwork(SimulatedMachine machine, int configurationLength = 24)
        : base(machine, 2, configurationLength)
    {
    }

    /// <summary>Whether frames to send are kept.</summary>
    public bool HoldsTransmit { get; set; }

    /// <summary>The frames that were sent.</summary>
    public List<byte[]> Sent { get; } = new List<byte[]>();

    public int HeldTransmissions => _held.Count;

    /// <summary>Delivers a frame.</summary>
    /// <returns>False when there is no buffer for it.</returns>
    public bool Deliver(ReadOnlySpan<byte> frame)
    {
        TakenBuffer? buffer = Ring(0).TryTake();
        if (buffer == null)
        {
            return false;
        }

        if (buffer.Elements.Length != 1 || !buffer.Elements[0].IsWritable || buffer.Elements[0].Length < 1526)
        {
            Violations.Add("a receive buffer has the wrong form");
        }

        Element element = buffer.Elements[0];
        uint written = (uint)(12 + frame.Length);
        byte* memory = Memory.DeviceWrites(element.Address, written);
        new Span<byte>(memory, 12).Clear();
        memory[10] = 1;
        frame.CopyTo(new Span<byte>(memory + 12, frame.Length));
        Ring(0).Use(buffer, written);
        InterruptQueueIfWanted(0);
        return true;
    }

    /// <summary>Completes a held transmission.</summary>
    public void CompleteTransmission(int index)
    {
        TakenBuffer buffer = _held[index];
        _held.RemoveAt(index);
        Ring(1).Use(buffer, 0);
        InterruptQueueIfWanted(1);
    }

    protected override void OnReset() => _held.Clear();

    protected override void OnNotify(int queue)
    {
        while (queue == 1 && Ring(1).TryTake() is { } buffer)
        {
            Element element = buffer.Elements[0];
            byte[] bytes = Memory.Copy(element.Address, element.Length);
            if (buffer.Elements.Length != 1 || element.IsWritable || bytes.AsSpan(0, 12).ContainsAnyExcept((byte)0))
            {
                Violations.Add("a frame to send has the wrong form");
            }

            Sent.Add(bytes[12..]);
            if (HoldsTransmit)
            {
                _held.Add(buffer);
            }
            else
            {
                Ring(1).Use(buffer, 0);
                InterruptQueueIfWanted(1);
            }
        }
    }
}
