using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Cosmos.Tests.Simulation;

/// <summary>A disk with small limits on the number and size of segments (SEG_MAX, SIZE_MAX).</summary>
internal sealed class NarrowDisk : VirtioDeviceModel
{
    private const ulong SizeMaximum = 1UL << 1;
    private const ulong SegmentMaximum = 1UL << 2;
    private const int HeaderLength = 16;

    private readonly byte[] _disk;

    public NarrowDisk(GuestMemory memory, int sectors, uint segmentLength, uint segments)
        : base(2, 1, 60, memory)
    {
        _disk = new byte[sectors * 512];
        OfferedFeatures |= SizeMaximum | SegmentMaximum;
        BinaryPrimitives.WriteUInt64LittleEndian(ConfigurationStore, (ulong)sectors);
        BinaryPrimitives.WriteUInt32LittleEndian(ConfigurationStore[8..], segmentLength);
        BinaryPrimitives.WriteUInt32LittleEndian(ConfigurationStore[12..], segments);
    }

    public Span<byte> Disk => _disk;

    /// <summary>Where each request began, and the lengths of its segments.</summary>
    public List<(ulong Sector, uint[] Segments)> Reads { get; } = [];

    protected override ulong TypeFeatures => SizeMaximum | SegmentMaximum;

    protected override bool Serve(ModelQueue queue)
    {
        if (queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        Span<byte> header = stackalloc byte[HeaderLength];
        chain.TryRead(0, header);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(header[8..]);
        var segments = new List<uint>();
        foreach (ChainElement element in chain.Writable[..^1])
        {
            segments.Add(element.Length);
        }

        Reads.Add((sector, [.. segments]));
        int length = (int)chain.WritableLength - 1;
        chain.TryWrite(0, _disk.AsSpan((int)sector * 512, length));
        chain.TryWrite((ulong)length, [0]);
        queue.Finish(chain, (uint)chain.WritableLength);
        return true;
    }
}
