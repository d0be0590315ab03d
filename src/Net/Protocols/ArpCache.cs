using System;
using VirtioGuest.Net.Wire;

namespace VirtioGuest.Net.Protocols;

/// <summary>
/// Address resolution: a bounded table of neighbours whose entries expire (RFC 826; RFC 1122, 2.3.2), and the least
/// that a host must do when another uses its address (RFC 5227, 2.4, b).
/// </summary>
internal sealed class ArpCache
{
    /// <summary>How many entries the table has.</summary>
    public const int Capacity = 32;

    /// <summary>How many requests are sent before a neighbour is given up.</summary>
    public const int RequestLimit = 3;

    /// <summary>How long a resolved address is relied on.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromSeconds(60);

    /// <summary>The time between requests: no more than one a second (RFC 1122, 2.3.2.1).</summary>
    public static readonly TimeSpan RequestInterval = TimeSpan.FromSeconds(1);

    private static readonly TimeSpan s_defenceInterval = TimeSpan.FromSeconds(10);

    private readonly EthernetPort _port;
    private readonly IPv4Output _output;
    private readonly StackCounters _counters;
    private readonly Action<IPv4Address> _unanswered;
    private readonly ArpQueue _queue;
    private readonly ArpEntry[] _entries = new ArpEntry[Capacity];
    private readonly byte[] _frame;
    private IPv4Configuration? _configuration;
    private TimeSpan? _nextDefence;
    private int _incomplete;

    /// <param name="port">Sends ARP packets.</param>
    /// <param name="output">Sends packets whose next hop is resolved.</param>
    /// <param name="counters">Counts drops.</param>
    /// <param name="unanswered">Called for each neighbour that did not answer.</param>
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
            if (_incomplete == 0)
            {
                return next;
            }

            foreach (ref ArpEntry entry in _entries.AsSpan())
            {
                if (entry.State == ArpEntryState.Incomplete && (next is null || entry.Deadline < next))
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
        _incomplete = 0;
        _queue.Clear();
        _configuration = configuration;
        _nextDefence = null;
        if (configuration is not null)
        {
            Announce(configuration.Address);
        }
    }

    /// <summary>Announces the address once more, where there is one.</summary>
    public void Announce()
    {
        if (_configuration is not null)
        {
            Announce(_configuration.Address);
        }
    }

    public int CountResolved(TimeSpan now)
    {
        int count = 0;
        foreach (ref ArpEntry entry in _entries.AsSpan())
        {
            count += entry.State == ArpEntryState.Resolved && now < entry.Deadline ? 1 : 0;
        }

        return count;
    }

    /// <summary>Sends a packet to a neighbour, or keeps it until the neighbour's address is resolved.</summary>
    public SendStatus Send(
        IPv4Address nextHop, Span<byte> frame, int packetLength, TimeSpan now, in FrameOffload offload)
    {
        int index = Find(nextHop);
        if (index >= 0 && _entries[index].State == ArpEntryState.Resolved && now < _entries[index].Deadline)
        {
            return _output.Send(frame, packetLength, _entries[index].Hardware, offload);
        }

        if (!_port.IsUpForPacket())
        {
            return SendStatus.LinkDown;
        }

        bool isIncomplete = index >= 0 && _entries[index].State == ArpEntryState.Incomplete;
        if (!isIncomplete)
        {
            index = index >= 0 ? index : FindRoom();
            if (index < 0)
            {
                _counters.Drop(DropReason.ArpQueueFull);
                return SendStatus.Busy;
            }
        }

        if (!_queue.TryAdd(nextHop, frame, packetLength, offload))
        {
            return SendStatus.Busy;
        }

        if (!isIncomplete)
        {
            _entries[index] = new ArpEntry { State = ArpEntryState.Incomplete, Address = nextHop };
            _incomplete++;
            SendRequest(ref _entries[index], now);
        }

        return SendStatus.Queued;
    }

    /// <summary>Sends requests again, and gives up on neighbours that do not answer.</summary>
    public void RunTimers(TimeSpan now)
    {
        // Resolved entries expire silently, so that a frame costs nothing here while no request is outstanding.
        if (_incomplete == 0)
        {
            return;
        }

        foreach (ref ArpEntry entry in _entries.AsSpan())
        {
            if (entry.State != ArpEntryState.Incomplete || now < entry.Deadline)
            {
                continue;
            }

            if (entry.Requests < RequestLimit)
            {
                SendRequest(ref entry, now);
                continue;
            }

            entry.State = ArpEntryState.Free;
            _incomplete--;
            _queue.Drop(entry.Address);
            _unanswered(entry.Address);
        }
    }

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

        // A probe has no sender address: it is answered, but nothing is learned from it (RFC 5227, 2.1.1). The same
        // goes for a host that our mask puts on another link, because the masks on a link need not agree.
        bool isForUs = packet.TargetAddress == _configuration.Address;
        bool isRequest = isForUs && packet.Operation == ArpOperation.Request;
        bool isLearned = CanBeNeighbour(packet.SenderAddress) && Learn(packet, isRequest, now);
        if (isRequest && (packet.SenderAddress.IsAny || _configuration.IsOtherHost(packet.SenderAddress)))
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

    private bool Learn(in ArpPacket packet, bool isRequest, TimeSpan now)
    {
        // Whoever asks for us is about to talk to us; from others, only answers to our own requests count (RFC 826).
        int index = Find(packet.SenderAddress);
        if (index < 0 && isRequest)
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

        _incomplete -= _entries[index].State == ArpEntryState.Incomplete ? 1 : 0;
        _entries[index] = new ArpEntry
        {
            State = ArpEntryState.Resolved,
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
            _nextDefence = now + s_defenceInterval;
            Announce(_configuration!.Address);
        }
    }

    private void Announce(IPv4Address address) => Send(ArpOperation.Request, MacAddress.Broadcast, default, address);

    private void SendRequest(ref ArpEntry entry, TimeSpan now)
    {
        entry.Requests++;
        entry.Deadline = now + RequestInterval;
        Send(ArpOperation.Request, MacAddress.Broadcast, default, entry.Address);
    }

    private void Send(ArpOperation operation, MacAddress destination, MacAddress targetHardware, IPv4Address target)
    {
        var packet = new ArpPacket(operation, _port.Address, _configuration!.Address, targetHardware, target);
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

    /// <summary>A free entry, or the oldest resolved one; -1 where all are still incomplete.</summary>
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
            if (_entries[i].State == ArpEntryState.Resolved && isOlder)
            {
                oldest = i;
            }
        }

        return oldest;
    }
}

/// <summary>What the table holds about one neighbour.</summary>
internal struct ArpEntry
{
    public ArpEntryState State;
    public IPv4Address Address;

    /// <summary>Valid in <see cref="ArpEntryState.Resolved"/>.</summary>
    public MacAddress Hardware;

    /// <summary>When a resolved entry expires, or the next request is due.</summary>
    public TimeSpan Deadline;

    /// <summary>How many requests have been sent, in <see cref="ArpEntryState.Incomplete"/>.</summary>
    public int Requests;
}

internal enum ArpEntryState
{
    Free,

    /// <summary>A request for the hardware address is outstanding.</summary>
    Incomplete,

    Resolved,
}
