using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>Puts datagrams together from their fragments (RFC 791, 3.2; RFC 1122, 3.3.2).</summary>
/// <remarks>
/// Memory and number are bounded: where there is no room, the oldest datagram gives way. Fragments that lie over each
/// other are an attack or a mistake: nothing of such a datagram is believed, as RFC 5722 has it for IPv6.
/// </remarks>
internal sealed class Reassembly
{
    /// <summary>How many datagrams may be incomplete at a time.</summary>
    public const int Capacity = 16;

    /// <summary>How many chunks of memory they share: four datagrams of the largest size.</summary>
    public const int Chunks = 128;

    /// <summary>How long the rest of a datagram is waited for.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(30);

    private readonly StackCounters _counters;
    private readonly FragmentedDatagram[] _datagrams = new FragmentedDatagram[Capacity];
    private readonly byte[] _whole = new byte[IPv4Header.MaximumPacketLength];
    private int _inUse;
    private long _order;

    /// <summary>Creates an empty table with all its memory, so that receiving allocates nothing.</summary>
    public Reassembly(StackCounters counters)
    {
        _counters = counters;
        FragmentChunks storage = new(Chunks);
        for (int i = 0; i < Capacity; i++)
        {
            _datagrams[i] = new FragmentedDatagram(storage);
        }
    }

    /// <summary>Takes a fragment.</summary>
    /// <param name="header">Its header.</param>
    /// <param name="data">What it carries.</param>
    /// <param name="now">The time.</param>
    /// <param name="payload">What the whole datagram carries; good until the next call.</param>
    /// <returns>Whether the datagram is whole now.</returns>
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

        if (!datagram.IsWhole)
        {
            return false;
        }

        payload = _whole.AsSpan(0, datagram.CopyTo(_whole));
        End(datagram);
        _counters.Reassembled();
        return true;
    }

    /// <summary>Gives up datagrams whose rest has not come in time.</summary>
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
        if (!datagram.IsRefused && !datagram.IsContradicted(offset + data.Length, isLast))
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

        datagram.Refuse();
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
    /// The oldest datagram. Where one is left out there is another: no single one needs all of the memory.
    /// </summary>
    private FragmentedDatagram Oldest(FragmentedDatagram? except)
    {
        FragmentedDatagram? oldest = null;
        foreach (FragmentedDatagram datagram in _datagrams)
        {
            bool isCandidate = datagram.IsInUse && datagram != except && !(except is not null && datagram.IsRefused);
            if (isCandidate && (oldest is null || datagram.Order < oldest.Order))
            {
                oldest = datagram;
            }
        }

        return oldest!;
    }

    private void GiveUp(FragmentedDatagram datagram, DropReason reason)
    {
        if (!datagram.IsRefused)
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
