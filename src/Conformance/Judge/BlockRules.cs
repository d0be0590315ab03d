using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Conformance.Judge;

/// <summary>
/// Requests of a block device (virtio 1.4, 5.2.6), measured by what its driver has read of the configuration.
/// </summary>
internal sealed class BlockRules : RuleSet
{
    private const int HeaderLength = 16;
    private const int RangeLength = 16;
    private const uint SectorLength = 512;
    private const uint UnmapFlag = 1;

    private const uint TypeIn = 0;
    private const uint TypeOut = 1;
    private const uint TypeFlush = 4;
    private const uint TypeGetId = 8;
    private const uint TypeGetLifetime = 10;
    private const uint TypeDiscard = 11;
    private const uint TypeWriteZeroes = 13;
    private const uint TypeSecureErase = 14;
    private const uint FirstZoneType = 15;
    private const uint LastZoneType = 26;

    private readonly Dictionary<uint, uint> _told = new Dictionary<uint, uint>();

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (access.Reads(Register.Configuration) && access.Width == 4)
        {
            _told[access.Offset] = access.Value;
        }
    }

    /// <inheritdoc/>
    public override void OnLive(BecameLive live)
    {
        _told.Clear();
        for (int offset = 0; offset + sizeof(uint) <= live.Configuration.Length; offset += sizeof(uint))
        {
            _told[(uint)offset] = BinaryPrimitives.ReadUInt32LittleEndian(live.Configuration.Span[offset..]);
        }
    }

    /// <inheritdoc/>
    public override void OnTaken(BufferTaken taken)
    {
        RingBuffer buffer = taken.Buffer;
        string place = PlaceOf(taken.Queue);
        bool isFramed = buffer.ReadableLength >= HeaderLength && buffer.WritableLength >= 1;
        Expect(
            "drv.blk.29",
            isFramed,
            place,
            $"a request has {buffer.ReadableLength} bytes to read and {buffer.WritableLength} to write");
        if (!isFramed)
        {
            return;
        }

        ReadOnlySpan<byte> bytes = buffer.Readable.Span;
        uint type = BinaryPrimitives.ReadUInt32LittleEndian(bytes);
        ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]);
        ulong sent = buffer.ReadableLength - HeaderLength;
        ulong received = buffer.WritableLength - 1;
        OnFeature(place, type);
        OnSegments(place, buffer.Elements);
        switch (type)
        {
            case TypeIn:
                OnTransfer(place, sector, received);
                break;
            case TypeOut:
                OnTransfer(place, sector, sent);
                OnWrite(place, "a write");
                break;
            case TypeFlush:
                Expect("drv.blk.14", sector == 0, place, $"a flush has sector {sector}");
                Expect("drv.blk.15", sent + received == 0, place, $"a flush has {sent + received} bytes of data");
                break;
            case TypeGetId:
                Expect("drv.blk.18", received == 20, place, $"GET_ID has {received} bytes");
                break;
            case TypeDiscard:
                OnRanges(place, type, bytes[HeaderLength..], sent, 36, "drv.blk.19");
                break;
            case TypeWriteZeroes:
                OnRanges(place, type, bytes[HeaderLength..], sent, 48, "drv.blk.21");
                break;
            case TypeSecureErase:
                OnRanges(place, type, bytes[HeaderLength..], sent, 60, "drv.blk.20");
                break;
            default:
                break;
        }
    }

    private void OnFeature(string place, uint type)
    {
        ulong need = type switch
        {
            TypeFlush => BlockFeature.Flush,
            TypeGetLifetime => BlockFeature.Lifetime,
            TypeDiscard => BlockFeature.Discard,
            TypeWriteZeroes => BlockFeature.WriteZeroes,
            TypeSecureErase => BlockFeature.SecureErase,
            >= FirstZoneType and <= LastZoneType => BlockFeature.Zoned,
            _ => 0,
        };
        if (need != 0)
        {
            Expect("drv.blk.30", Device.Has(need), place, $"a request of type {type} needs a feature {need:x}");
        }
    }

    /// <summary>Header and status are taken to stand in elements of their own, as nearly everybody has them.</summary>
    private void OnSegments(string place, IReadOnlyList<ChainElement> elements)
    {
        if (Device.Has(BlockFeature.SegmentMaximum) && _told.TryGetValue(12, out uint most) && most != 0)
        {
            long count = elements.Count - 2;
            Expect("drv.blk.32", count <= most, place, $"a request has {count} segments of at most {most}");
        }

        if (Device.Has(BlockFeature.SizeMaximum) && _told.TryGetValue(8, out uint longest) && longest != 0)
        {
            foreach (ChainElement each in elements)
            {
                Expect("drv.blk.32", each.Length <= longest, place, $"a segment has {each.Length} bytes");
            }
        }
    }

    private void OnTransfer(string place, ulong sector, ulong length)
    {
        Expect("drv.blk.16", length % SectorLength == 0, place, $"a request has {length} bytes of data");
        OnPlace(place, sector, (length + SectorLength - 1) / SectorLength);
    }

    private void OnPlace(string place, ulong sector, ulong count)
    {
        if (!_told.TryGetValue(0, out uint low) || !_told.TryGetValue(4, out uint high))
        {
            return;
        }

        ulong capacity = low | ((ulong)high << 32);
        Expect(
            "drv.blk.12",
            sector <= capacity && count <= capacity - sector,
            place,
            $"{count} sectors from {sector} on are more than the capacity {capacity}");
    }

    private void OnWrite(string place, string what)
    {
        if ((Device.Known & BlockFeature.ReadOnly) != 0)
        {
            bool isWritable = (Device.Offered & BlockFeature.ReadOnly) == 0;
            Expect("drv.blk.33", isWritable, place, $"a read-only device got {what}");
        }
    }

    private void OnRanges(string place, uint type, ReadOnlySpan<byte> ranges, ulong length, uint limits, string most)
    {
        OnWrite(place, "a request over ranges");
        bool isWhole = length != 0 && length % RangeLength == 0;
        Expect("drv.blk.17", isWhole, place, $"there are {length} bytes of ranges");
        if (_told.TryGetValue(limits + 4, out uint mostRanges))
        {
            Expect(most, length / RangeLength <= mostRanges, place, $"there are {length / RangeLength} ranges");
        }

        for (int at = 0; at + RangeLength <= ranges.Length; at += RangeLength)
        {
            ulong sector = BinaryPrimitives.ReadUInt64LittleEndian(ranges[at..]);
            uint sectors = BinaryPrimitives.ReadUInt32LittleEndian(ranges[(at + 8)..]);
            uint flags = BinaryPrimitives.ReadUInt32LittleEndian(ranges[(at + 12)..]);
            Expect("drv.blk.31", (flags & ~UnmapFlag) == 0, place, $"a range has the flags {flags:x}");
            if (type == TypeDiscard)
            {
                Expect("drv.blk.24", (flags & UnmapFlag) == 0, place, $"a discard asks for unmapping");
            }

            if (_told.TryGetValue(limits, out uint mostSectors))
            {
                Expect("drv.blk.34", sectors <= mostSectors, place, $"a range has {sectors} of {mostSectors} sectors");
            }

            OnPlace(place, sector, sectors);
        }
    }
}
