using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>
/// Address resolution: a bounded, ageing table of neighbours (RFC 826; RFC 1122, 2.3.2), and the least that is due when
/// somebody else uses our address (RFC 5227, 2.4, b).
/// </summary>
internal sealed class ArpCache
{
    /// <summary>How many neighbours can be known or asked for at a time.</summary>
    public const int Capacity = 32;

    /// <summary>How many requests are sent before a neighbour counts as absent.</summary>
    public const int RequestLimit = 3;

    /// <summary>How long knowledge is relied on.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>The time between requests: no more than one a second (RFC 1122, 2.3.2.1).</summary>
    public static readonly TimeSpan RequestInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_defendInterval = TimeSpan.FromSeconds(10);

    private readonly EthernetPort _port;
    private readonly IPv4Output _output;
    private readonly StackCounters _counters;
    private readonly Action<IPv4Address> _unanswered;
    private readonly ArpQueue _queue;
    private readonly ArpEntry[] _entries = new ArpEntry[Capacity];
    private readonly byte[] _frame;
    private IPv4Configuration? _configuration;
    private TimeSpan? _nextDefence;
    private int _asked;

    /// <summary>Creates an empty table.</summary>
    /// <param name="port">Where ARP packets go.</param>
    /// <param name="output">Where packets go whose next hop is known.</param>
    /// <param name="counters">Where drops are counted.</param>
    /// <param name="unanswered">Told of each neighbour that did not answer.</param>
    public ArpCache(EthernetPort port, IPv4Output output, StackCounters counters, Action<IPv4Address> unanswered)
    {
        _port = port;
        _output = output;
        _counters = counters;
        _unanswered = unanswered;
        _queue = new ArpQueue(port, output, counters);
        _frame = port.NewFrame();
    }

    /// <summary>When <see cref="RunTimers"/> has something to do next; null for never.</summary>
    public TimeSpan? NextTimer
    {
        get
        {
            TimeSpan? next = null;
            if (_asked == 0)
            {
                return next;
            }

            foreach (ref ArpEntry entry in _entries.AsSpan())
            {
                if (entry.State == ArpEntryState.Asked && (next is null || entry.Deadline < next))
                {
                    next = entry.Deadline;
                }
            }

            return next;
        }
    }

    /// <summary>Forgets all neighbours, and announces the new address to them (RFC 5227, 2.3).</summary>
    public void Configure(IPv4Configuration? configuration)
    {
        Array.Clear(_entries);
        _asked = 0;
        _queue.Clear();
        _configuration = configuration;
        _nextDefence = null;
        if (configuration is not null)
        {
            Announce(configuration.Address);
        }
    }

    /// <summary>How many neighbours are known.</summary>
    public int CountKnown(TimeSpan now)
    {
        int known = 0;
        foreach (ref ArpEntry entry in _entries.AsSpan())
        {
            known += entry.State == ArpEntryState.Known && now < entry.Deadline ? 1 : 0;
        }

        return known;
    }

    /// <summary>Sends a packet to a neighbour, or keeps it until the neighbour's hardware address is known.</summary>
    public SendStatus Send(IPv4Address nextHop, Span<byte> frame, int packetLength, TimeSpan now)
    {
        int index = Find(nextHop);
        if (index >= 0 && _entries[index].State == ArpEntryState.Known && now < _entries[index].Deadline)
        {
            return _output.Send(frame, packetLength, _entries[index].Hardware);
        }

        if (!_port.IsUpForPacket())
        {
            return SendStatus.LinkDown;
        }

        bool isAsked = index >= 0 && _entries[index].State == ArpEntryState.Asked;
        if (!isAsked)
        {
            index = index >= 0 ? index : FindRoom();
            if (index < 0)
            {
                _counters.Drop(DropReason.ArpQueueFull);
                return SendStatus.Busy;
            }
        }

        if (!_queue.TryAdd(nextHop, frame, packetLength))
        {
            return SendStatus.Busy;
        }

        if (!isAsked)
        {
            _entries[index] = new ArpEntry { State = ArpEntryState.Asked, Address = nextHop };
            _asked++;
            Ask(ref _entries[index], now);
        }

        return SendStatus.Queued;
    }

    /// <summary>Repeats requests, and gives up on neighbours that do not answer.</summary>
    public void RunTimers(TimeSpan now)
    {
        // What is known grows too old silently, so that a frame costs nothing here while nobody is asked for.
        if (_asked == 0)
        {
            return;
        }

        foreach (ref ArpEntry entry in _entries.AsSpan())
        {
            if (entry.State != ArpEntryState.Asked || now < entry.Deadline)
            {
                continue;
            }

            if (entry.Requests < RequestLimit)
            {
                Ask(ref entry, now);
                continue;
            }

            entry.State = ArpEntryState.Free;
            _asked--;
            _queue.Drop(entry.Address);
            _unanswered(entry.Address);
        }
    }

    /// <summary>Takes a received ARP packet.</summary>
    public void OnPacket(ReadOnlySpan<byte> data, TimeSpan now)
    {
        if (!ArpPacket.TryParse(data, out ArpPacket packet))
        {
            _counters.Drop(DropReason.ArpMalformed);
            return;
        }

        if (_configuration is null || packet.SenderHardware == _port.Address)
        {
            _counters.Drop(DropReason.ArpNotForUs);
            return;
        }

        if (packet.SenderAddress == _configuration.Address)
        {
            OnConflict(now);
            return;
        }

        // A probe has no sender address: it is answered, but tells nothing (RFC 5227, 2.1.1). So is a host that is not
        // on this link by our mask, because the masks on a link need not be the same.
        bool isForUs = packet.TargetAddress == _configuration.Address;
        bool isQuestion = isForUs && packet.Operation == ArpOperation.Request;
        bool isLearned = CanBeNeighbour(packet.SenderAddress) && Learn(packet, isQuestion, now);
        if (isQuestion && (packet.SenderAddress.IsAny || _configuration.IsOtherHost(packet.SenderAddress)))
        {
            Send(ArpOperation.Reply, packet.SenderHardware, packet.SenderHardware, packet.SenderAddress);
        }
        else if (!isLearned)
        {
            _counters.Drop(DropReason.ArpNotForUs);
        }
    }

    private bool CanBeNeighbour(IPv4Address address)
    {
        return _configuration!.IsOtherHost(address)
            && (_configuration.IsOnLink(address) || address == _configuration.Gateway);
    }

    private bool Learn(in ArpPacket packet, bool isQuestion, TimeSpan now)
    {
        // Whoever asks for us is about to be answered; of others only what we asked for is believed (RFC 826).
        int index = Find(packet.SenderAddress);
        if (index < 0 && isQuestion)
        {
            index = FindRoom();
            if (index < 0)
            {
                return true;
            }
        }

        if (index < 0)
        {
            return false;
        }

        _asked -= _entries[index].State == ArpEntryState.Asked ? 1 : 0;
        _entries[index] = new ArpEntry
        {
            State = ArpEntryState.Known,
            Address = packet.SenderAddress,
            Hardware = packet.SenderHardware,
            Deadline = now + Lifetime,
        };
        _queue.Send(packet.SenderAddress, packet.SenderHardware);
        return true;
    }

    private void OnConflict(TimeSpan now)
    {
        _counters.AddressConflict();
        if (_nextDefence is null || now >= _nextDefence)
        {
            _nextDefence = now + s_defendInterval;
            Announce(_configuration!.Address);
        }
    }

    private void Announce(IPv4Address address) => Send(ArpOperation.Request, MacAddress.Broadcast, default, address);

    private void Ask(ref ArpEntry entry, TimeSpan now)
    {
        entry.Requests++;
        entry.Deadline = now + RequestInterval;
        Send(ArpOperation.Request, MacAddress.Broadcast, default, entry.Address);
    }

    private void Send(ArpOperation operation, MacAddress destination, MacAddress targetHardware, IPv4Address target)
    {
        ArpPacket packet = new(operation, _port.Address, _configuration!.Address, targetHardware, target);
        packet.Write(_frame.AsSpan(EthernetHeader.Length));
        _port.Send(_frame, ArpPacket.Length, destination, EtherType.Arp);
    }

    private int Find(IPv4Address address)
    {
        for (int i = 0; i < _entries.Length; i++)
        {
            if (_entries[i].State != ArpEntryState.Free && _entries[i].Address == address)
            {
                return i;
            }
        }

        return -1;
    }

    /// <summary>A free entry, or the oldest known one; -1 where all neighbours are still being asked for.</summary>
    private int FindRoom()
    {
        int oldest = -1;
        for (int i = 0; i < _entries.Length; i++)
        {
            if (_entries[i].State == ArpEntryState.Free)
            {
                return i;
            }

            bool isOlder = oldest < 0 || _entries[i].Deadline < _entries[oldest].Deadline;
            if (_entries[i].State == ArpEntryState.Known && isOlder)
            {
                oldest = i;
            }
        }

        return oldest;
    }
}
