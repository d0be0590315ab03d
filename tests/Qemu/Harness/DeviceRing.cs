using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;
using System.Text.Json.Nodes;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A ring of a running device, as QEMU's monitor tells of it, in the guest's memory.</summary>
/// <remarks>Only while the guest rests, or does little: the monitor's answer is of one moment.</remarks>
public sealed class DeviceRing
{
    private const int DescriptorLength = 16;
    private const int AvailableHeader = 4;
    private const ushort Available = 1 << 7;
    private const ushort Used = 1 << 15;

    private readonly GuestMemory _memory;
    private readonly ulong _descriptors;
    private readonly ulong _driverArea;
    private readonly int _size;
    private readonly int _next;

    private DeviceRing(GuestMemory memory, JsonNode status)
    {
        _memory = memory;
        _descriptors = status["vring-desc"]!.GetValue<ulong>();
        _driverArea = status["vring-avail"]!.GetValue<ulong>();
        _size = status["vring-num"]!.GetValue<int>();
        _next = status["last-avail-idx"]!.GetValue<int>();
    }

    /// <summary>Looks a queue of a device up.</summary>
    /// <param name="guest">The guest.</param>
    /// <param name="memory">Its memory.</param>
    /// <param name="device">What QEMU calls the kind of device, for example <c>virtio-blk</c>.</param>
    /// <param name="queue">The virtqueue index.</param>
    public static DeviceRing Find(QemuGuest guest, GuestMemory memory, string device, int queue)
    {
        JsonNode found = guest.Monitor.Execute("x-query-virtio")!.AsArray()
            .FirstOrDefault(entry => entry!["name"]!.GetValue<string>() == device)
            ?? throw new InvalidDataException($"QEMU knows no {device}.");
        JsonObject which = new() { ["path"] = found["path"]!.GetValue<string>(), ["queue"] = queue };
        return new DeviceRing(memory, guest.Monitor.Execute("x-query-virtio-queue-status", which)!);
    }

    /// <summary>
    /// Puts a buffer that no driver may make available into a packed ring, with nothing that the device can write: it
    /// asks for a reset when it comes there.
    /// </summary>
    /// <param name="ahead">How many descriptors from where the device looks next.</param>
    public void BreakPackedDescriptor(int ahead)
    {
        WriteDescriptor(_next + ahead, address: 0x1000, length: 16, id: 0, Available);
    }

    /// <summary>
    /// Puts a used descriptor with an ID that nobody has into a packed ring, as a device could that breaks the rules.
    /// </summary>
    /// <param name="ahead">How many descriptors from where the device looks next.</param>
    public void ForgePackedUsed(int ahead)
    {
        WriteDescriptor(_next + ahead, address: 0, length: 0, id: 0x7FFF, Available | Used);
    }

    /// <summary>
    /// Names a descriptor that there is not where the device will look for the next available buffer of a split ring.
    /// </summary>
    public void BreakSplitAvailable()
    {
        ulong entry = _driverArea + AvailableHeader + (2 * (ulong)(_next % _size));
        _memory.Write(entry, [0xFF, 0xFF]);
    }

    /// <summary>
    /// Waits until a driver has made the next buffer of a split ring available, and names a descriptor that there is
    /// not before the device has looked. Only once: after a reset the memory may be somebody else's.
    /// </summary>
    /// <returns>Whether the driver has; the device may have been quicker all the same.</returns>
    public bool BreakNextSplitAvailable(TimeSpan time)
    {
        ulong entry = _driverArea + AvailableHeader + (2 * (ulong)(_next % _size));
        byte[] index = new byte[sizeof(ushort)];
        BinaryPrimitives.WriteUInt16LittleEndian(index, (ushort)_next);
        return _memory.WriteOnChange(_driverArea + AvailableHeader - sizeof(ushort), index, entry, [0xFF, 0xFF], time);
    }

    // Flags are for a wrap counter of 1.
    private void WriteDescriptor(int slot, ulong address, uint length, ushort id, ushort flags)
    {
        // The driver has made the one before the next available on the same way round, or on the last one.
        bool isFirstRound = _next == 0 ? !HasAvailable(_size - 1) : HasAvailable(_next - 1);
        isFirstRound ^= slot >= _size;
        byte[] descriptor = new byte[DescriptorLength];
        BinaryPrimitives.WriteUInt64LittleEndian(descriptor, address);
        BinaryPrimitives.WriteUInt32LittleEndian(descriptor.AsSpan(8), length);
        BinaryPrimitives.WriteUInt16LittleEndian(descriptor.AsSpan(12), id);
        BinaryPrimitives.WriteUInt16LittleEndian(
            descriptor.AsSpan(14), (ushort)(isFirstRound ? flags : flags ^ (Available | Used)));
        _memory.Write(_descriptors + (ulong)(slot % _size * DescriptorLength), descriptor);
    }

    private bool HasAvailable(int slot)
    {
        byte[] flags = _memory.Read(_descriptors + (ulong)((slot * DescriptorLength) + 14), sizeof(ushort));
        return (BinaryPrimitives.ReadUInt16LittleEndian(flags) & Available) != 0;
    }
}
