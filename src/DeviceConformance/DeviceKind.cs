using System;
using VirtioGuest.Drivers.Virtio.Rings;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal.Text;

namespace VirtioGuest.DeviceConformance;

/// <summary>
/// A type of device with one request that each device of the type answers, changes nothing by, and can be given as
/// often as one likes: what tests of rings are made with.
/// </summary>
internal abstract class DeviceKind
{
    /// <summary>What memory of a request holds before the device has it.</summary>
    protected const byte Untouched = 0xA5;

    private static readonly DeviceKind[] s_all = [new BlockKind(), new NetKind(), new EntropyKind()];

    /// <summary>The type.</summary>
    public abstract ushort DeviceType { get; }

    /// <summary>The queue that takes the request.</summary>
    public abstract int OrdinaryQueue { get; }

    /// <summary>How many bytes the device may write, at most.</summary>
    public abstract uint WritableBytes { get; }

    /// <summary>Whether a chain can be cut into more descriptors and be the same request.</summary>
    public abstract bool HasReadablePart { get; }

    /// <summary>The features that need others, with what they need (virtio 1.4, 2.2.2).</summary>
    public virtual (Features Feature, Features AnyOf)[] Dependencies => [];

    /// <summary>The kind of a type of device; null where it has none.</summary>
    public static DeviceKind? Of(ushort deviceType) => Array.Find(s_all, kind => kind.DeviceType == deviceType);

    /// <summary>Writes the request into the memory of a slot.</summary>
    /// <returns>Its chain.</returns>
    public abstract TestSegment[] Prepare(DeviceBench bench, int slot);

    /// <summary>Looks whether the request was done.</summary>
    /// <param name="bench">The device.</param>
    /// <param name="slot">Whose memory it has.</param>
    /// <param name="length">What the device says that it wrote.</param>
    /// <returns>Null, or what is wrong.</returns>
    public abstract string? Check(DeviceBench bench, int slot, uint length);

    /// <summary>Whether the memory of a request shows that the device did something about it.</summary>
    public virtual bool WasDone(DeviceBench bench, int slot) =>
        WritableBytes != 0 && bench.Bytes(slot, 0, WritableBytes).ContainsAnyExcept(Untouched);

    /// <summary>Has the device do the request a number of times, with as many in flight as there is room for.</summary>
    public void Exercise(DeviceBench bench, TestRing ring, int count, Func<TestSegment[], TestSegment[]>? cut = null)
    {
        int posted = 0;
        int done = 0;
        int atOnce = Math.Min(ring.Size, DeviceBench.Slots);
        int[] slots = new int[ring.Size];
        bool[] isInFlight = new bool[ring.Size];
        bool[] isBusy = new bool[DeviceBench.Slots];
        while (done < count)
        {
            bool hasMore = false;
            while (posted < count && posted - done < atOnce)
            {
                int slot = Array.IndexOf(isBusy, false);
                TestSegment[] chain = Prepare(bench, slot);
                chain = cut?.Invoke(chain) ?? chain;
                if (chain.Length > ring.Free)
                {
                    break;
                }

                bench.HandOver(slot);
                ushort id = ring.Post(chain);
                (slots[id], isInFlight[id], isBusy[slot]) = (slot, true, true);
                posted++;
                hasMore = true;
            }

            if (hasMore)
            {
                ring.Publish();
                ring.Kick();
            }

            UsedElement used = bench.Take(ring);
            DeviceBench.Require(
                used.Id < (uint)isInFlight.Length && isInFlight[used.Id],
                "gives back buffer " + DecimalText.Of(used.Id) + ", which it does not have");
            int answered = slots[used.Id];
            bench.TakeBack(answered);
            string? wrong = Check(bench, answered, used.Length);
            DeviceBench.Require(wrong is null, wrong ?? "");
            (isInFlight[used.Id], isBusy[answered]) = (false, false);
            done++;
        }

        DeviceBench.Require(!ring.TryTake(out _), "gives back more than it was given");
    }
}

/// <summary>A block device reads its first sector, or tells its ID where it has none (virtio 1.4, 5.2.6).</summary>
internal sealed class BlockKind : DeviceKind
{
    public const uint HeaderLength = 16;
    public const uint SectorLength = 512;
    public const uint DataOffset = 512;
    public const uint StatusOffset = 2048;
    public const byte NoStatus = 0xEE;

    public override ushort DeviceType => DeviceTypes.Block;

    public override int OrdinaryQueue => 0;

    public override uint WritableBytes => SectorLength + 1;

    public override bool HasReadablePart => true;

    public override TestSegment[] Prepare(DeviceBench bench, int slot)
    {
        bench.Fill(slot, Untouched);
        return BlockRequest.Prepare(bench, slot, BlockRequest.Read, 0, SectorLength);
    }

    public override bool WasDone(DeviceBench bench, int slot) => bench.Bytes(slot, StatusOffset, 1)[0] != NoStatus;

    public override string? Check(DeviceBench bench, int slot, uint length)
    {
        byte status = bench.Bytes(slot, StatusOffset, 1)[0];
        return status != 0
            ? "ends the read of sector 0 with status " + DecimalText.Of(status)
            : bench.Bytes(slot, DataOffset + SectorLength, StatusOffset - DataOffset - SectorLength)
                .ContainsAnyExcept(Untouched) ? "writes behind the buffer that it was given" : null;
    }
}

/// <summary>A network device sends a frame of an experimental protocol to nobody (virtio 1.4, 5.1.9.2).</summary>
internal sealed class NetKind : DeviceKind
{
    public const int ReceiveQueue = 0;
    public const int TransmitQueue = 1;
    public const uint HeaderLength = 12;
    public const uint FrameLength = 60;

    public override ushort DeviceType => DeviceTypes.Network;

    public override int OrdinaryQueue => TransmitQueue;

    public override uint WritableBytes => 0;

    public override bool HasReadablePart => true;

    public override (Features Feature, Features AnyOf)[] Dependencies =>
    [
        (NetBits.GuestTso4, NetBits.GuestChecksum), (NetBits.GuestTso6, NetBits.GuestChecksum),
        (NetBits.GuestEcn, NetBits.GuestTso4 | NetBits.GuestTso6), (NetBits.GuestUfo, NetBits.GuestChecksum),
        (NetBits.GuestUso4, NetBits.GuestChecksum), (NetBits.GuestUso6, NetBits.GuestChecksum),
        (NetBits.HostTso4, NetBits.Checksum), (NetBits.HostTso6, NetBits.Checksum),
        (NetBits.HostEcn, NetBits.HostTso4 | NetBits.HostTso6), (NetBits.HostUfo, NetBits.Checksum),
        (NetBits.HostUso, NetBits.Checksum), (NetBits.ControlReceive, NetBits.ControlQueue),
        (NetBits.ControlVlan, NetBits.ControlQueue), (NetBits.Announce, NetBits.ControlQueue),
        (NetBits.QueuePairs, NetBits.ControlQueue), (NetBits.ControlMac, NetBits.ControlQueue),
        (NetBits.CoalesceNotifications, NetBits.ControlQueue), (NetBits.Rss, NetBits.ControlQueue),
        (NetBits.HashReport, NetBits.ControlQueue),
        (NetBits.CoalescePerQueue, NetBits.ControlQueue),
    ];

    public override TestSegment[] Prepare(DeviceBench bench, int slot)
    {
        Span<byte> bytes = bench.Bytes(slot, 0, HeaderLength + FrameLength);
        bytes.Clear();
        Span<byte> frame = bytes[(int)HeaderLength..];

        // To and from stations of local numbering, so that nobody is spoken to; EtherType 0x88B5 is for experiments.
        frame[0] = frame[6] = 2;
        frame[5] = 1;
        frame[12] = 0x88;
        frame[13] = 0xB5;
        return [bench.Readable(slot, 0, HeaderLength), bench.Readable(slot, HeaderLength, FrameLength)];
    }

    public override string? Check(DeviceBench bench, int slot, uint length) =>
        bench.Bytes(slot, HeaderLength, 1)[0] != 2 ? "writes into a buffer that is for reading" : null;
}

/// <summary>An entropy device fills a buffer (virtio 1.4, 5.4.6).</summary>
internal sealed class EntropyKind : DeviceKind
{
    public const uint Length = 64;

    public override ushort DeviceType => DeviceTypes.Entropy;

    public override int OrdinaryQueue => 0;

    public override uint WritableBytes => Length;

    public override bool HasReadablePart => false;

    public override TestSegment[] Prepare(DeviceBench bench, int slot)
    {
        bench.Fill(slot, Untouched);
        return [bench.Writable(slot, 0, Length)];
    }

    public override string? Check(DeviceBench bench, int slot, uint length) =>
        length == 0 ? "gives back an empty buffer"
        : bench.Bytes(slot, Length, DeviceBench.TablePlace - Length).ContainsAnyExcept(Untouched)
            ? "writes behind the buffer that it was given"
        : null;
}
