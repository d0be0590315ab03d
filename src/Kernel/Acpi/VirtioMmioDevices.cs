using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Binding;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Acpi;

/// <summary>The virtio devices over MMIO that ACPI tells of, by their hardware ID <c>LNRO0005</c>.</summary>
internal static class VirtioMmioDevices
{
    private const string HardwareId = "LNRO0005";

    /// <summary>Adds those to a list that are not on it, in the order of their addresses.</summary>
    /// <param name="names">What the tables define.</param>
    /// <param name="places">What the command line names: it comes first.</param>
    /// <param name="output">Where devices are named whose place cannot be told.</param>
    public static void AddTo(List<MmioDeviceWord> places, AmlNamespace names, TextOutput output)
    {
        var found = new List<MmioDeviceWord>();
        foreach (string device in names.Devices)
        {
            if (names.HardwareIdOf(device) != HardwareId || !names.IsPresent(device))
            {
                continue;
            }

            DeviceResources resources = DeviceResources.Read(names.ResourcesOf(device));
            if (resources.Memory.IsEmpty || resources.Interrupt is not { } line)
            {
                output.WriteLine($"{device}: ACPI does not say outright where this virtio device is: skipped");
            }
            else if (line > byte.MaxValue || (resources.Memory.Start & 3) != 0)
            {
                output.WriteLine($"{device}: this virtio device cannot be reached as ACPI says: skipped");
            }
            else if (!Overlaps(places, resources.Memory) && !Overlaps(found, resources.Memory))
            {
                found.Add(new MmioDeviceWord(resources.Memory, (byte)line));
            }
        }

        found.Sort(static (one, other) => one.Range.Start.CompareTo(other.Range.Start));
        places.AddRange(found);
    }

    private static bool Overlaps(List<MmioDeviceWord> places, AddressRange range)
    {
        foreach (MmioDeviceWord place in places)
        {
            if (place.Range.Overlaps(range))
            {
                return true;
            }
        }

        return false;
    }
}

/// <summary>The memory and the interrupt in a resource template (ACPI 6.5, 6.4): the first of each.</summary>
internal readonly struct DeviceResources
{
    private DeviceResources(AddressRange memory, uint? interrupt)
    {
        Memory = memory;
        Interrupt = interrupt;
    }

    /// <summary>The registers; empty where none are named.</summary>
    public AddressRange Memory { get; }

    /// <summary>The global system interrupt, or null.</summary>
    public uint? Interrupt { get; }

    /// <summary>Reads a template up to its end, or to where it makes no sense.</summary>
    public static DeviceResources Read(ReadOnlySpan<byte> template)
    {
        AddressRange memory = default;
        uint? interrupt = null;
        while (template.Length >= 2)
        {
            byte tag = template[0];
            bool isLarge = (tag & 0x80) != 0;
            int header = isLarge ? 3 : 1;
            int length = !isLarge ? tag & 7
                : template.Length >= header ? BinaryPrimitives.ReadUInt16LittleEndian(template[1..]) : int.MaxValue;
            if (length > template.Length - header || (!isLarge && tag >> 3 == 0x0F))
            {
                break;
            }

            ReadOnlySpan<byte> body = template.Slice(header, length);
            template = template[(header + length)..];
            if (memory.IsEmpty)
            {
                memory = MemoryOf(tag, body);
            }

            interrupt ??= InterruptOf(isLarge ? tag : (byte)(tag >> 3), body);
        }

        return new DeviceResources(memory, interrupt);
    }

    private static AddressRange MemoryOf(byte tag, ReadOnlySpan<byte> body)
    {
        ulong start = 0;
        ulong length = 0;
        switch (tag)
        {
            case 0x86 when body.Length >= 9: // Memory32Fixed
                start = BinaryPrimitives.ReadUInt32LittleEndian(body[1..]);
                length = BinaryPrimitives.ReadUInt32LittleEndian(body[5..]);
                break;
            case 0x8A when body.Length >= 43 && body[0] == 0: // QWordMemory: least, most, offset, length
                start = BinaryPrimitives.ReadUInt64LittleEndian(body[11..]);
                length = BinaryPrimitives.ReadUInt64LittleEndian(body[35..]);
                break;
            case 0x87 when body.Length >= 23 && body[0] == 0: // DWordMemory
                start = BinaryPrimitives.ReadUInt32LittleEndian(body[7..]);
                length = BinaryPrimitives.ReadUInt32LittleEndian(body[19..]);
                break;
        }

        return length != 0 && length - 1 <= ulong.MaxValue - start ? new AddressRange(start, length) : default;
    }

    private static uint? InterruptOf(byte tag, ReadOnlySpan<byte> body)
    {
        if (tag == 0x89 && body.Length >= 6 && body[1] != 0)
        {
            return BinaryPrimitives.ReadUInt32LittleEndian(body[2..]);
        }

        // IRQ and IRQNoFlags: a mask of ISA lines.
        ushort mask = tag == 0x04 && body.Length >= 2 ? BinaryPrimitives.ReadUInt16LittleEndian(body) : (ushort)0;
        return mask == 0 ? null : (uint)System.Numerics.BitOperations.TrailingZeroCount((uint)mask);
    }
}
