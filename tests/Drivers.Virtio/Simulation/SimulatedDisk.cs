using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Runtime.InteropServices;

namespace VirtioGuest.Drivers.Virtio.Tests.Simulation;

/// <summary>A block device over bytes, from the text of virtio 1.4, 5.2.</summary>
internal sealed unsafe class SimulatedDisk : SimulatedDevice
{
    private readonly byte[] _content;
    private readonly List<TakenBuffer> _held = new List<TakenBuffer>();

    public SimulatedDisk(SimulatedMachine machine, int sectors)
        : base(machine, 1, 60)
    {
        _content = new byte[sectors * 512];
        BinaryPrimitives.WriteUInt64LittleEndian(Configuration, (ulong)sectors);
    }

    /// <summary>Whether requests wait for <see cref="CompleteHeld"/>.</summary>
    public bool HoldsRequests { get; set; }

    /// <summary>Whether a reset makes it forget what it holds; else a test does that.</summary>
    public bool ForgetsAtReset { get; set; }

    public int Held => _held.Count;

    public Span<byte> Content => _content;

    public void SetField32(int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(Configuration.AsSpan(offset), value);

    /// <summary>Completes a held request and interrupts if wanted.</summary>
    public void CompleteHeld(int index)
    {
        TakenBuffer buffer = _held[index];
        _held.RemoveAt(index);
        Complete(buffer);
        InterruptQueueIfWanted(0);
    }

    /// <summary>Looks at the ring although nobody notified it.</summary>
    public void Poll() => OnNotify(0);

    protected override void OnReset()
    {
        if (ForgetsAtReset)
        {
            _held.Clear();
        }
    }

    protected override void OnNotify(int queue)
    {
        bool any = false;
        while (Ring(0).TryTake() is { } buffer)
        {
            if (HoldsRequests)
            {
                _held.Add(buffer);
                continue;
            }

            Complete(buffer);
            any = true;
        }

        // Before the interrupt, in which the driver may make the next requests available.
        if (Ring(0).HasEventIndex)
        {
            Ring(0).AskForNotificationAt(0);
        }

        if (any)
        {
            InterruptQueueIfWanted(0);
        }
    }

    private void Complete(TakenBuffer buffer)
    {
        Element header = buffer.Elements[0];
        Element status = buffer.Elements[^1];
        if (header.IsWritable || header.Length != 16 || !status.IsWritable || status.Length != 1)
        {
            Violations.Add("a request is not framed by its header and status");
        }

        byte[] fields = Memory.Copy(header.Address, 16);
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(fields);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(fields.AsSpan(8));
        uint written = 0;
        long at = (long)sector * 512;
        foreach (Element element in buffer.Elements[1..^1])
        {
            Span<byte> disk = _content.AsSpan((int)at, (int)element.Length);
            if (element.IsWritable != (type == 0) || type > 1)
            {
                Violations.Add($"data of a request of type {type} goes the wrong way");
            }
            else if (type == 0)
            {
                disk.CopyTo(new Span<byte>(Memory.DeviceWrites(element.Address, element.Length), (int)element.Length));
                written += element.Length;
            }
            else
            {
                Memory.Copy(element.Address, element.Length).CopyTo(disk);
            }

            at += element.Length;
        }

        *Memory.DeviceWrites(status.Address, 1) = 0;
        written++;
        Ring(0).Use(buffer, written);
    }
}
