using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>Puts datagrams together from their fragments (RFC 791, 3.2; RFC 1122, 3.3.2).</summary>
/// <remarks>
/// Memory and number are bounded: where there is no room, the oldest datagram is dropped. Fragments that overlap are an
/// attack or a mistake: such a datagram is dropped as a whole, as RFC 5722 requires for IPv6.
/// </remarks>
internal sealed class Reassembly
{
    /// <summary>How many datagrams may be incomplete at a time.</summary>
    public const int Capacity = 16;

    /// <summary>How many chunks of memory they share: four datagrams of the largest size.</summary>
    public const int Chunks = 128;

    /// <summary>How long the fragments of a datagram may take to arrive.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    private readonly StackCounters _counters;
    private readonly FragmentedDatagram[] _datagrams = new FragmentedDatagram[Capacity];
    private readonly byte[] _whole = new byte[IPv4Header.MaximumPacketLength];
    private int _inUse;
    private long _order;

    /// <summary>Allocates all memory now, so that receiving allocates nothing.</summary>
    public Reassembly(StackCounters counters)
    {
        _counters = counters;
        var storage = new FragmentChunks(Chunks);
        for (int i = 0; i < Capacity; i++)
        {
            _datagrams[i] = new FragmentedDatagram(storage);
        }
    }

    /// <summary>Adds a fragment to its datagram.</summary>
    /// <param name="header">The fragment's header.</param>
    /// <param name="data">The fragment's payload.</param>
    /// <param name="now">The time.</param>
    /// <param name="payload">The whole datagram's payload; valid until the next call.</param>
    /// <returns>Whether the datagram is complete now.</returns>
    public bool TryComplete(
        scoped in IPv4Header header, scoped ReadOnlySpan<byte> data, TimeSpan now, out ReadOnlySpan<byte> payload)
    {
        payload = default;
        RunTimers(now);
        bool isLast = !header.HasMoreFragments;
        int end = header.FragmentOffset + data.Length;
        if (data.Length == 0
            || (!isLast && data.Length % IPv4Header.FragmentUnit != 0)
            || header.HeaderLength + end > IPv4Header.MaximumPacketLength)
        {
            _counters.Drop(DropReason.IPv4Fragment);
            return false;
        }

        FragmentedDatagram datagram = FindOrBegin(header, now);
        if (!CanTake(datagram, header.FragmentOffset, data, isLast))
        {
            return false;
        }

        while (!datagram.TryAdd(header.FragmentOffset, data, isLast))
        {
            GiveUp(Oldest(except: datagram), DropReason.IPv4FragmentsTooMany);
        }

        if (!datagram.IsComplete)
        {
            return false;
        }

        payload = _whole.AsSpan(0, datagram.CopyTo(_whole));
        End(datagram);
        _counters.Reassembled();
        return true;
    }

    /// <summary>Gives up datagrams that have not become complete in time.</summary>
    public void RunTimers(TimeSpan now)
    {
        // Called for every frame.
        if (_inUse == 0)
        {
            return;
        }

        foreach (FragmentedDatagram datagram in _datagrams)
        {
            if (datagram.IsInUse && now >= datagram.Deadline)
            {
                GiveUp(datagram, DropReason.IPv4FragmentsMissing);
            }
        }
    }

    private bool CanTake(FragmentedDatagram datagram, int offset, ReadOnlySpan<byte> data, bool isLast)
    {
        if (!datagram.IsPoisoned && !datagram.IsContradicted(offset + data.Length, isLast))
        {
            switch (datagram.Compare(offset, data))
            {
                case FragmentOverlap.None:
                    return true;

                case FragmentOverlap.Repeated:
                    _counters.Drop(DropReason.IPv4FragmentRepeated);
                    return false;

                default:
                    break;
            }
        }

        datagram.Poison();
        _counters.Drop(DropReason.IPv4Fragment);
        return false;
    }

    private FragmentedDatagram FindOrBegin(in IPv4Header header, TimeSpan now)
    {
        FragmentedDatagram? free = null;
        foreach (FragmentedDatagram datagram in _datagrams)
        {
            if (datagram.Has(header))
            {
                return datagram;
            }

            free = datagram.IsInUse ? free : datagram;
        }

        if (free is null)
        {
            free = Oldest(except: null);
            GiveUp(free, DropReason.IPv4FragmentsTooMany);
        }

        free.Begin(header, now + Lifetime, _order++);
        _inUse++;
        return free;
    }

    /// <summary>
    /// The oldest datagram. There is one besides <paramref name="except"/>: no datagram needs all of the memory.
    /// </summary>
    private FragmentedDatagram Oldest(FragmentedDatagram? except)
    {
        FragmentedDatagram? oldest = null;
        foreach (FragmentedDatagram datagram in _datagrams)
        {
            bool isCandidate = datagram.IsInUse && datagram != except && !(except is not null && datagram.IsPoisoned);
            if (isCandidate && (oldest is null || datagram.Order < oldest.Order))
            {
                oldest = datagram;
            }
        }

        return oldest!;
    }

    private void GiveUp(FragmentedDatagram datagram, DropReason reason)
    {
        if (!datagram.IsPoisoned)
        {
            _counters.Drop(reason);
        }

        End(datagram);
    }

    private void End(FragmentedDatagram datagram)
    {
        datagram.End();
        _inUse--;
    }
}
