using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Numerics;
using VirtioGuest.Pci;

namespace VirtioGuest.Devices.Pci;

/// <summary>
/// Where a function keeps its structures, and the capabilities that tell of them (virtio 1.4, 4.1.4).
/// </summary>
internal sealed class PciFunctionLayout
{
    public const int StructuresBar = 0;
    public const int VectorsBar = 2;
    public const int SharedMemoryBar = 4;

    public const uint CommonOffset = 0x0000;
    public const uint CommonLength = 0x40;
    public const uint IsrOffset = 0x1000;
    public const uint DeviceOffset = 0x2000;
    public const uint NotifyOffset = 0x3000;

    private const byte CommonKind = 1;
    private const byte NotifyKind = 2;
    private const byte IsrKind = 3;
    private const byte DeviceKind = 4;
    private const byte WindowKind = 5;
    private const byte SharedMemoryKind = 8;
    private const uint Page = 0x1000;

    private readonly PciConfigurationSpace _space;

    public PciFunctionLayout(VirtioDeviceModel model, PciFunctionOptions options, PciConfigurationSpace space)
    {
        _space = space;
        DeviceLength = (uint)model.ConfigurationLength;
        if (DeviceLength > NotifyOffset - DeviceOffset)
        {
            throw new ArgumentException("The configuration is larger than its place.", nameof(model));
        }

        NotifyLength = 4;
        foreach (ModelQueue queue in model.Queues)
        {
            NotifyLength = Math.Max(NotifyLength, (queue.NotifyOffset * options.NotifyMultiplier) + 4);
        }

        uint length = BitOperations.RoundUpToPowerOf2(NotifyOffset + NotifyLength);
        space.AddBaseAddress(StructuresBar, length, options.HasWideBaseAddress, false);
        AddStructures(options);
        AddVectors(options.VectorCount);
        AddSharedMemory(model);
    }

    public uint DeviceLength { get; }

    public uint NotifyLength { get; }

    /// <summary>Where the pending bits are in the vectors' range.</summary>
    public uint PendingOffset { get; private set; }

    /// <summary>Where the capability is that opens a window to the ranges.</summary>
    public int Window { get; private set; }

    /// <summary>Where the MSI-X capability is; 0 for none.</summary>
    public int Msix { get; private set; }

    /// <summary>Where each shared memory region begins in its range.</summary>
    public List<ulong> SharedMemoryOffsets { get; } = new List<ulong>();

    private static void Put(Span<byte> capability, int offset, uint value) =>
        BinaryPrimitives.WriteUInt32LittleEndian(capability[offset..], value);

    private static void Describe(
        Span<byte> capability, byte kind, int bar, byte id, ulong offset, ulong length)
    {
        capability.Clear();
        capability[0] = CapabilityId.VendorSpecific;
        capability[2] = (byte)capability.Length;
        capability[3] = kind;
        capability[4] = (byte)bar;
        capability[5] = id;
        Put(capability, 8, (uint)offset);
        Put(capability, 12, (uint)length);
    }

    private void AddStructures(PciFunctionOptions options)
    {
        Span<byte> capability = stackalloc byte[16];
        Describe(capability, CommonKind, StructuresBar, 0, CommonOffset, CommonLength);
        _space.AddCapability(capability);
        if (!options.HidesIsrStatus)
        {
            Describe(capability, IsrKind, StructuresBar, 0, IsrOffset, 1);
            _space.AddCapability(capability);
        }

        if (DeviceLength != 0)
        {
            Describe(capability, DeviceKind, StructuresBar, 0, DeviceOffset, DeviceLength);
            _space.AddCapability(capability);
        }

        Span<byte> longer = stackalloc byte[20];
        Describe(longer, NotifyKind, StructuresBar, 0, NotifyOffset, NotifyLength);
        Put(longer, 16, options.NotifyMultiplier);
        _space.AddCapability(longer);

        // The driver writes where and how wide to look, and reads or writes there through the last four bytes.
        Describe(longer, WindowKind, 0, 0, 0, 0);
        Window = _space.AddCapability(longer);
        _space.Allow(Window + 4, 1);
        _space.Allow(Window + 8, 12);
    }

    private void AddVectors(int count)
    {
        if (count == 0)
        {
            return;
        }

        PendingOffset = (uint)count * MsixVectors.EntryLength;
        uint length = BitOperations.RoundUpToPowerOf2(PendingOffset + (uint)((count + 63) / 64 * 8));
        _space.AddBaseAddress(VectorsBar, Math.Max(length, Page), false, false);
        Span<byte> capability = stackalloc byte[12];
        capability.Clear();
        capability[0] = CapabilityId.MsiX;
        BinaryPrimitives.WriteUInt16LittleEndian(capability[2..], (ushort)(count - 1));
        Put(capability, 4, VectorsBar);
        Put(capability, 8, PendingOffset | VectorsBar);
        Msix = _space.AddCapability(capability);
        _space.Allow16(Msix + 2, 0xC000);
    }

    private void AddSharedMemory(VirtioDeviceModel model)
    {
        ulong offset = 0;
        Span<byte> capability = stackalloc byte[24];
        foreach (SharedMemoryRegion region in model.SharedMemory)
        {
            ulong length = (ulong)region.Bytes.Length;
            Describe(capability, SharedMemoryKind, SharedMemoryBar, region.Id, offset, length);
            Put(capability, 16, (uint)(offset >> 32));
            Put(capability, 20, (uint)(length >> 32));
            _space.AddCapability(capability);
            SharedMemoryOffsets.Add(offset);
            offset += (length + (Page - 1)) & ~(ulong)(Page - 1);
        }

        if (offset != 0)
        {
            _space.AddBaseAddress(SharedMemoryBar, BitOperations.RoundUpToPowerOf2(offset), true, true);
        }
    }
}
