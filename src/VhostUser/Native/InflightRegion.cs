using System;
using System.IO;
using System.Threading;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.VhostUser.Native;

/// <summary>
/// What a back end leaves of each queue for the one that comes after it when it is killed (vhost-user protocol,
/// "Inflight I/O tracking"): memory that the front end keeps.
/// </summary>
/// <remarks>
/// The protocol leaves what is in it to back ends, and proposes a layout with a record for each descriptor, for devices
/// that complete in any order. A served model has one request at a time and completes in order, so it needs the place
/// in the ring up to which buffers have been used, and how far the next used entry moves that: a part of 64 bytes for
/// each queue.
/// </remarks>
internal sealed unsafe class InflightRegion : IDisposable
{
    private const int PartLength = 64;
    private const ulong Mark = 0x7631_6776;

    private readonly byte* _start;
    private readonly ulong _mapped;
    private readonly int _queues;

    private InflightRegion(byte* start, ulong mapped, int queues)
    {
        _start = start;
        _mapped = mapped;
        _queues = queues;
    }

    /// <summary>How many bytes there are for so many queues.</summary>
    public static ulong LengthFor(int queues) => (ulong)(queues * PartLength);

    /// <summary>Maps what a front end has kept; the descriptor is closed.</summary>
    /// <exception cref="InvalidDataException">There is too little of it.</exception>
    public static InflightRegion Map(int descriptor, ulong offset, ulong length, int queues)
    {
        try
        {
            ulong file = descriptor < 0 ? 0 : (ulong)Posix.LengthOf(descriptor);
            if (offset != 0 || length < LengthFor(queues) || length > file)
            {
                throw new InvalidDataException(
                    $"the region of requests in flight has {length} bytes from {offset} on in a file of {file} bytes");
            }

            return new InflightRegion(Posix.Map(descriptor, length), length, queues);
        }
        finally
        {
            Posix.Close(descriptor);
        }
    }

    /// <summary>What is kept of a queue.</summary>
    /// <exception cref="InvalidDataException">There is no such queue.</exception>
    public QueueJournal JournalOf(int queue) => queue < _queues
        ? new Journal(this, queue)
        : throw new InvalidDataException($"the region of requests in flight has no queue {queue}");

    public void Dispose() => Posix.Unmap(_start, _mapped);

    private ulong* Part(int queue) => (ulong*)(_start + (queue * PartLength));

    private sealed class Journal(InflightRegion region, int queue) : QueueJournal
    {
        private const int MarkField = 0;
        private const int PlaceField = 1;

        public override bool TryRead(out uint place, out int slots)
        {
            ulong* part = region.Part(queue);
            place = (uint)part[PlaceField];
            slots = (int)(part[PlaceField] >> 32);
            return part[MarkField] == Mark;
        }

        public override void Write(uint place, int slots)
        {
            // Both in one store, so that whoever is killed has done all of it or nothing.
            ulong* part = region.Part(queue);
            Volatile.Write(ref part[PlaceField], place | ((ulong)slots << 32));
            Volatile.Write(ref part[MarkField], Mark);
        }
    }
}
