using System;

namespace VirtioGuest.Net.Protocols;

/// <summary>What is known about one neighbour.</summary>
internal struct ArpEntry
{
    /// <summary>Whether the entry is in use, and its hardware address is known.</summary>
    public ArpEntryState State;

    /// <summary>The neighbour.</summary>
    public IPv4Address Address;

    /// <summary>Its hardware address, in <see cref="ArpEntryState.Known"/>.</summary>
    public MacAddress Hardware;

    /// <summary>When the knowledge is too old, or the next request is due.</summary>
    public TimeSpan Deadline;

    /// <summary>How many requests have been sent, in <see cref="ArpEntryState.Asked"/>.</summary>
    public int Requests;
}

/// <summary>What is known about a neighbour.</summary>
internal enum ArpEntryState
{
    /// <summary>The entry is not in use.</summary>
    Free,

    /// <summary>Its hardware address has been asked for.</summary>
    Asked,

    /// <summary>Its hardware address is known.</summary>
    Known,
}
