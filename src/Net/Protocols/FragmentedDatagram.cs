using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>A datagram of which some fragments have arrived: which bytes, and where they are kept.</summary>
internal sealed class FragmentedDatagram
{
    private const int Unit = IPv4Header.FragmentUnit;
    private const int Units = (IPv4Header.MaximumPacketLength + Unit - 1) / Unit;

    private readonly bool[] _isPresent = new bool[Units];
    private readonly int[] _chunks = new int[(IPv4Header.MaximumPacketLength / FragmentChunks.Length) + 1];
    private readonly FragmentChunks _storage;
    private int _received;
    private int _highest;
    private int? _length;
    private IPv4Header _header;

    public FragmentedDatagram(FragmentChunks storage)
    {
        _storage = storage;
        Array.Fill(_chunks, FragmentChunks.None);
    }

    public bool IsInUse { get; private set; }

    /// <summary>Whether its fragments contradict each other, so that it is never delivered.</summary>
    public bool IsPoisoned { get; private set; }

    public TimeSpan Deadline { get; private set; }

    /// <summary>Larger for a datagram that began later.</summary>
    public long Order { get; private set; }

    public bool IsComplete => _received == _length;

    /// <summary>Begins the datagram that a fragment belongs to.</summary>
    public void Begin(in IPv4Header header, TimeSpan deadline, long order)
    {
        IsInUse = true;
        Order = order;
        Deadline = deadline;
        _header = header;
    }

    /// <summary>Whether a fragment belongs to this datagram (RFC 791, 3.2).</summary>
    public bool Has(in IPv4Header header)
    {
        return IsInUse
            && header.Identification == _header.Identification
            && header.Source == _header.Source
            && header.Destination == _header.Destination
            && header.Protocol == _header.Protocol;
    }

    /// <summary>Whether a fragment contradicts what is known about the datagram's length.</summary>
    public bool IsContradicted(int end, bool isLast)
    {
        return isLast ? (_length ?? end) != end || end < _highest : end > _length;
    }

    /// <summary>Compares a fragment with the bytes that have arrived before.</summary>
    public FragmentOverlap Compare(int offset, ReadOnlySpan<byte> data)
    {
        Span<bool> place = _isPresent.AsSpan(offset / Unit, (data.Length + Unit - 1) / Unit);
        if (!place.Contains(true))
        {
            return FragmentOverlap.None;
        }

        return !place.Contains(false) && _storage.IsEqual(_chunks, offset, data)
            ? FragmentOverlap.Repeated
            : FragmentOverlap.Conflicting;
    }

    /// <summary>Adds a fragment.</summary>
    /// <returns>Whether there was memory for it.</returns>
    public bool TryAdd(int offset, ReadOnlySpan<byte> data, bool isLast)
    {
        if (!_storage.TryWrite(_chunks, offset, data))
        {
            return false;
        }

        _isPresent.AsSpan(offset / Unit, (data.Length + Unit - 1) / Unit).Fill(true);
        _received += data.Length;
        _highest = Math.Max(_highest, offset + data.Length);
        _length = isLast ? offset + data.Length : _length;
        return true;
    }

    /// <summary>Copies the complete datagram.</summary>
    /// <returns>Its size in bytes.</returns>
    public int CopyTo(Span<byte> destination)
    {
        _storage.Read(_chunks, destination[.._received]);
        return _received;
    }

    /// <summary>Forgets what has arrived; the rest of its fragments are dropped until its time is over.</summary>
    public void Poison()
    {
        IsPoisoned = true;
        _storage.Release(_chunks);
    }

    public void End()
    {
        IsInUse = false;
        IsPoisoned = false;
        _storage.Release(_chunks);
        Array.Clear(_isPresent);
        _received = 0;
        _highest = 0;
        _length = null;
    }
}

/// <summary>How a fragment relates to those that came before it.</summary>
internal enum FragmentOverlap
{
    /// <summary>All of it is new.</summary>
    None,

    /// <summary>All of it had arrived, with the same bytes.</summary>
    Repeated,

    /// <summary>It overlaps others in part, or has other bytes.</summary>
    Conflicting,
}
