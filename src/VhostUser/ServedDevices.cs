using System;
using System.Security.Cryptography;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Block;
using VirtioGuest.Devices.Entropy;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.VhostUser;

/// <summary>The device models as they are served, with all that a front end can carry.</summary>
public static class ServedDevices
{
    private const uint MostSectors = 1 << 20;
    private const uint MostRanges = 16;

    private const ulong DiskFeatures = FeatureBit.Usual | BlockFeature.Flush | BlockFeature.SegmentMaximum
        | BlockFeature.BlockSize | BlockFeature.ConfigWce;

    private const ulong CardFeatures = FeatureBit.Usual | NetFeature.MergeableBuffers | NetFeature.Checksum
        | NetFeature.HostTso4 | NetFeature.HostTso6;

    /// <summary>A disk.</summary>
    /// <param name="memory">The front end's memory.</param>
    /// <param name="store">What it holds.</param>
    /// <param name="queues">How many request queues it has.</param>
    /// <param name="isReadOnly">Whether writes are refused.</param>
    public static BlockDevice Disk(GuestMemory memory, BlockStore store, int queues = 1, bool isReadOnly = false)
    {
        BlockDevice disk = new(memory, store, queues);
        disk.OfferedFeatures = DiskFeatures | (queues > 1 ? BlockFeature.MultiQueue : 0)
            | (isReadOnly ? BlockFeature.ReadOnly : 0);
        if (!isReadOnly)
        {
            disk.OfferRanges(BlockFeature.Discard, MostSectors, MostRanges);
            disk.OfferRanges(BlockFeature.WriteZeroes, MostSectors, MostRanges);
        }

        return disk;
    }

    /// <summary>A source of random bytes.</summary>
    public static EntropyDevice Entropy(GuestMemory memory)
    {
        Span<byte> seed = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(seed);
        return new EntropyDevice(memory, BitConverter.ToUInt64(seed)) { OfferedFeatures = FeatureBit.Usual };
    }

    /// <summary>
    /// A network card, whose address and link state the front end has, as well as its control queue if any.
    /// </summary>
    /// <param name="memory">The front end's memory.</param>
    /// <param name="peer">Who is at the other end of its wire.</param>
    public static NetDevice Card(GuestMemory memory, NetworkPeer peer) => new(memory, stackalloc byte[6])
    {
        OfferedFeatures = CardFeatures,
        KeepsFrames = false,
        Peer = peer,
    };
}
