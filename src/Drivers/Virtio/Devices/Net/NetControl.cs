using System;
using VirtioGuest.Drivers.Virtio.Rings;

namespace VirtioGuest.Drivers.Virtio.Devices.Net;

/// <summary>
/// What the owner of a network device asks of it by commands (virtio 1.4, 5.1.9.5): which frames it wants, and how they
/// are spread, cut and told of. What was asked for is remembered, and asked for again when the device comes back after
/// a reset.
/// </summary>
/// <remarks>
/// A call waits until the device has answered, for a second at most, and allocates nothing; one context at a time. A
/// device that does not answer in time needs a reset.
/// </remarks>
public sealed class NetControl
{
    /// <summary>How many stations the table holds: what QEMU's devices hold of each kind.</summary>
    public const int MaximumStations = 64;

    /// <summary>How many VLANs there are.</summary>
    public const int VlanCount = 4096;

    private const int StationLength = 6;
    private const int CountLength = 4;
    private const int ModeCount = 6;

    /// <summary>What CTRL_RX has of the modes; CTRL_RX_EXTRA has the others.</summary>
    private const int UsualModes = 2;

    private const int WordBits = 64;
    private const int KeyLength = 40;
    private const int LargestTable = 128;
    private const uint KnownHashes = 0x1FF;
    private const uint KnownTunnels = 0x1FF;

    private readonly VirtioNet _device;
    private readonly byte[] _data = new byte[ControlQueue.MaximumLength];
    private readonly byte[] _table = new byte[(2 * CountLength) + (2 * MaximumStations * StationLength)];
    private readonly ulong[] _vlans = new ulong[VlanCount / WordBits];
    private readonly ulong[] _queueCoalescing = new ulong[2 * NetOptions.MaximumQueuePairs];
    private readonly bool[] _hasQueueCoalescing = new bool[2 * NetOptions.MaximumQueuePairs];
    private ReceiveModes _modes;
    private ReceiveModes _modesAsked;
    private int _tableLength;
    private ulong _address;
    private ulong _transmitCoalescing;
    private ulong _receiveCoalescing;
    private bool _hasTransmitCoalescing;
    private bool _hasReceiveCoalescing;
    private GuestOffloads _offloads;
    private bool _hasOffloads;
    private uint _tunnels;

    internal NetControl(VirtioNet device)
    {
        _device = device;
    }

    /// <summary>Whether a mode, or all of several, can be asked for.</summary>
    public bool Has(ReceiveModes modes) => HasStations && (modes & ~Modes) == 0;

    /// <summary>Whether stations can be named: without, the device hands on what it likes.</summary>
    public bool HasStations => _device.HasFeature(NetDriver.ControlReceive);

    /// <summary>Whether VLANs can be named.</summary>
    public bool HasVlans => _device.HasFeature(NetDriver.ControlVlan);

    private ReceiveModes Modes =>
        (ReceiveModes)((1 << (_device.HasFeature(NetDriver.ControlReceiveExtra) ? ModeCount : UsualModes)) - 1);

    /// <summary>Turns receive modes on or off (virtio 1.4, 5.1.9.5.1).</summary>
    public ControlStatus TrySetModes(ReceiveModes modes, bool isOn)
    {
        if (!Has(modes))
        {
            return ControlStatus.NotOffered;
        }

        _modesAsked |= modes;
        _modes = isOn ? _modes | modes : _modes & ~modes;
        return SendModes(modes);
    }

    /// <summary>Names the stations whose frames are wanted besides the device's own (virtio 1.4, 5.1.9.5.2).</summary>
    /// <param name="unicast">Addresses with the first byte in bits 47 to 40.</param>
    /// <param name="multicast">Those of groups, likewise.</param>
    /// <returns>Invalid where there are more than <see cref="MaximumStations"/> of a kind.</returns>
    public ControlStatus TrySetStations(ReadOnlySpan<ulong> unicast, ReadOnlySpan<ulong> multicast)
    {
        if (!HasStations)
        {
            return ControlStatus.NotOffered;
        }

        if (unicast.Length > MaximumStations || multicast.Length > MaximumStations)
        {
            return ControlStatus.Invalid;
        }

        _tableLength = PutStations(PutStations(0, unicast), multicast);
        return SendTable();
    }

    /// <summary>Has frames of a VLAN received, or not any more (virtio 1.4, 5.1.9.5.3).</summary>
    /// <param name="vlan">0 to 4095.</param>
    /// <param name="isWanted">Whether they are received.</param>
    public ControlStatus TrySetVlan(int vlan, bool isWanted)
    {
        if (!HasVlans)
        {
            return ControlStatus.NotOffered;
        }

        if ((uint)vlan >= VlanCount)
        {
            return ControlStatus.Invalid;
        }

        ulong bit = 1UL << (vlan % WordBits);
        _vlans[vlan / WordBits] = isWanted ? _vlans[vlan / WordBits] | bit : _vlans[vlan / WordBits] & ~bit;
        return SendVlan(vlan, isWanted);
    }

    /// <summary>Gives the device another address (virtio 1.4, 5.1.9.5.2).</summary>
    /// <param name="address">One station's, first byte in bits 47 to 40.</param>
    public ControlStatus TrySetMacAddress(ulong address)
    {
        if (!_device.HasFeature(NetDriver.ControlMacAddress))
        {
            return ControlStatus.NotOffered;
        }

        if (!VirtioNet.IsStation(address))
        {
            return ControlStatus.Invalid;
        }

        ControlStatus status = SendAddress(address);
        if (status == ControlStatus.Ok)
        {
            _address = address;
            _device.OnAddressSet(address);
        }

        return status;
    }

    /// <summary>Says that the station was announced, as the device asked for (virtio 1.4, 5.1.9.5.4).</summary>
    public ControlStatus AcknowledgeAnnouncement()
    {
        if (!_device.HasFeature(NetDriver.GuestAnnounce))
        {
            return ControlStatus.NotOffered;
        }

        ControlStatus status = _device.Execute(ControlCommand.AnnounceAcknowledge, ReadOnlySpan<byte>.Empty);
        _device.OnAnnounced();
        return status;
    }

    /// <summary>Says what the device may do on the way in, of what was negotiated (virtio 1.4, 5.1.9.5.9).</summary>
    public ControlStatus TrySetGuestOffloads(GuestOffloads offloads)
    {
        if (!_device.HasFeature(NetDriver.ControlGuestOffloads))
        {
            return ControlStatus.NotOffered;
        }

        if (((Features)offloads & ~_device.Features) != 0)
        {
            return ControlStatus.Invalid;
        }

        _offloads = offloads;
        _hasOffloads = true;
        return SendOffloads();
    }

    /// <summary>
    /// Says how many frames, or how much time, one notification may stand for (virtio 1.4, 5.1.9.5.10).
    /// </summary>
    /// <param name="isTransmit">Of the transmit queues, or of the receive queues.</param>
    /// <param name="frames">How many frames at most; 0 for a notification each.</param>
    /// <param name="microseconds">How much time at most; 0 for a notification each.</param>
    public ControlStatus TryCoalesce(bool isTransmit, uint frames, uint microseconds)
    {
        if (!_device.HasFeature(NetDriver.Coalescing))
        {
            return ControlStatus.NotOffered;
        }

        ulong value = frames | ((ulong)microseconds << 32);
        if (isTransmit)
        {
            _transmitCoalescing = value;
            _hasTransmitCoalescing = true;
        }
        else
        {
            _receiveCoalescing = value;
            _hasReceiveCoalescing = true;
        }

        // The last command counts for every queue that it names.
        for (int i = isTransmit ? 1 : 0; i < _hasQueueCoalescing.Length; i += 2)
        {
            _hasQueueCoalescing[i] = false;
        }

        return SendCoalescing(isTransmit ? ControlCommand.CoalesceTransmit : ControlCommand.CoalesceReceive, value);
    }

    /// <summary>The same for one queue that is in use.</summary>
    public ControlStatus TryCoalesceQueue(int queue, uint frames, uint microseconds)
    {
        if (!_device.HasFeature(NetDriver.QueueCoalescing))
        {
            return ControlStatus.NotOffered;
        }

        if ((uint)queue >= 2 * (uint)_device.QueuePairs)
        {
            return ControlStatus.Invalid;
        }

        _queueCoalescing[queue] = frames | ((ulong)microseconds << 32);
        _hasQueueCoalescing[queue] = true;
        return SendQueueCoalescing(queue);
    }

    /// <summary>Inside of which tunnels frames are hashed; none unless asked for (virtio 1.4, 5.1.9.4.4).</summary>
    /// <param name="tunnels">Bits of <see cref="VirtioNet.HashTunnels"/>.</param>
    public ControlStatus TryHashTunnels(uint tunnels)
    {
        if (!_device.HasFeature(NetDriver.HashTunnel))
        {
            return ControlStatus.NotOffered;
        }

        if ((tunnels & ~(_device.HashTunnels & KnownTunnels)) != 0)
        {
            return ControlStatus.Invalid;
        }

        _tunnels = tunnels;
        return Send32(ControlCommand.HashTunnel, tunnels);
    }

    /// <summary>Sets up a device that has just become live, and asks again for what was asked for before.</summary>
    /// <returns>False where it gave no answer; then it needs a reset.</returns>
    internal bool Restore()
    {
        ControlStatus status = SendQueuePairs();
        status = Then(status) ? SendHashes() : status;
        status = Then(status) && _tunnels != 0 ? TryHashTunnels(_tunnels & _device.HashTunnels) : status;
        status = Then(status) ? RestoreAddress() : status;
        status = Then(status) && HasStations ? SendModes(_modesAsked & Modes) : status;
        status = Then(status) && _tableLength != 0 && HasStations ? SendTable() : status;
        status = Then(status) && HasVlans ? RestoreVlans() : status;
        status = Then(status) && _hasOffloads && _device.HasFeature(NetDriver.ControlGuestOffloads)
            ? SendOffloads()
            : status;
        status = Then(status) && _device.HasFeature(NetDriver.Coalescing) ? RestoreCoalescing() : status;
        status = Then(status) && _device.HasFeature(NetDriver.QueueCoalescing) ? RestoreQueueCoalescing() : status;
        return Then(status);
    }

    /// <summary>Whether there is a point in further commands: a device may refuse one and take the next.</summary>
    private static bool Then(ControlStatus status) =>
        status is not (ControlStatus.Unanswered or ControlStatus.NotRunning);

    private ControlStatus SendModes(ReceiveModes modes)
    {
        ControlStatus status = ControlStatus.Ok;
        for (int mode = 0; mode < ModeCount && Then(status); mode++)
        {
            ReceiveModes bit = (ReceiveModes)(1 << mode);
            if ((modes & bit) != 0)
            {
                _data[0] = (_modes & bit) != 0 ? (byte)1 : (byte)0;
                ControlStatus each = Send(ControlCommand.ReceiveMode + mode, 1);
                status = each == ControlStatus.Ok ? status : each;
            }
        }

        return status;
    }

    private ControlStatus SendTable() =>
        _device.Execute(ControlCommand.MacTable, new ReadOnlySpan<byte>(_table, 0, _tableLength));

    private int PutStations(int at, ReadOnlySpan<ulong> stations)
    {
        Put32(_table, at, (uint)stations.Length);
        at += CountLength;
        for (int i = 0; i < stations.Length; i++)
        {
            PutStation(_table, at, stations[i]);
            at += StationLength;
        }

        return at;
    }

    private ControlStatus SendVlan(int vlan, bool isWanted)
    {
        Put16(_data, 0, (ushort)vlan);
        return Send(isWanted ? ControlCommand.VlanAdd : ControlCommand.VlanDelete, 2);
    }

    private ControlStatus RestoreVlans()
    {
        ControlStatus status = ControlStatus.Ok;
        for (int vlan = 0; vlan < VlanCount && Then(status); vlan++)
        {
            if ((_vlans[vlan / WordBits] & (1UL << (vlan % WordBits))) != 0)
            {
                status = SendVlan(vlan, isWanted: true);
            }
        }

        return status;
    }

    private ControlStatus SendAddress(ulong address)
    {
        PutStation(_data, 0, address);
        return Send(ControlCommand.MacAddress, StationLength);
    }

    /// <summary>
    /// Tells the device its address where it is not the one that it has (virtio 1.4, 5.1.9.5.2.2).
    /// </summary>
    private ControlStatus RestoreAddress()
    {
        if (!_device.HasFeature(NetDriver.ControlMacAddress) || (_address == 0 && _device.HasDeviceMacAddress))
        {
            return ControlStatus.Ok;
        }

        if (_address != 0)
        {
            _device.OnAddressSet(_address);
        }

        return SendAddress(_device.MacAddress);
    }

    private ControlStatus SendOffloads()
    {
        Put32(_data, 0, (uint)((ulong)_offloads & (ulong)_device.Features));
        Put32(_data, 4, (uint)(((ulong)_offloads & (ulong)_device.Features) >> 32));
        return Send(ControlCommand.GuestOffloads, 8);
    }

    private ControlStatus SendCoalescing(ControlCommand command, ulong value)
    {
        Put32(_data, 0, (uint)value);
        Put32(_data, 4, (uint)(value >> 32));
        return Send(command, 8);
    }

    private ControlStatus SendQueueCoalescing(int queue)
    {
        Put16(_data, 0, (ushort)queue);
        Put16(_data, 2, 0);
        Put32(_data, 4, (uint)_queueCoalescing[queue]);
        Put32(_data, 8, (uint)(_queueCoalescing[queue] >> 32));
        return Send(ControlCommand.CoalesceQueue, 12);
    }

    private ControlStatus RestoreCoalescing()
    {
        ControlStatus status = _hasTransmitCoalescing
            ? SendCoalescing(ControlCommand.CoalesceTransmit, _transmitCoalescing)
            : ControlStatus.Ok;
        return Then(status) && _hasReceiveCoalescing
            ? SendCoalescing(ControlCommand.CoalesceReceive, _receiveCoalescing)
            : status;
    }

    private ControlStatus RestoreQueueCoalescing()
    {
        ControlStatus status = ControlStatus.Ok;
        for (int queue = 0; queue < 2 * _device.QueuePairs && Then(status); queue++)
        {
            if (_hasQueueCoalescing[queue])
            {
                status = SendQueueCoalescing(queue);
            }
        }

        return status;
    }

    /// <summary>
    /// Has the device use its queue pairs (virtio 1.4, 5.1.9.5.6); RSS says the same in its own command.
    /// </summary>
    private ControlStatus SendQueuePairs()
    {
        if (!_device.HasFeature(NetDriver.MultipleQueues) || _device.HasFeature(NetDriver.Rss))
        {
            return ControlStatus.Ok;
        }

        Put16(_data, 0, (ushort)_device.QueuePairs);
        ControlStatus status = Send(ControlCommand.QueuePairs, 2);
        if (status == ControlStatus.Refused)
        {
            // One pair is what it begins with.
            _device.OnQueuePairsRefused();
        }

        return status;
    }

    /// <summary>
    /// Says what is hashed and, with RSS, which queue follows from it (virtio 1.4, 5.1.9.5.6.4 and 5.1.9.5.7): all
    /// that the device can hash, spread evenly.
    /// </summary>
    private ControlStatus SendHashes()
    {
        bool hasRss = _device.HasFeature(NetDriver.Rss);
        if (!hasRss && !_device.HasFeature(NetDriver.HashReport))
        {
            return ControlStatus.Ok;
        }

        int at = Put32(_data, 0, _device.HashTypes & KnownHashes);
        if (hasRss)
        {
            int length = LargestTable;
            at = Put16(_data, at, (ushort)(length - 1));
            at = Put16(_data, at, 0);
            for (int i = 0; i < length; i++)
            {
                at = Put16(_data, at, (ushort)(i % _device.QueuePairs));
            }

            at = Put16(_data, at, (ushort)_device.QueuePairs);
        }
        else
        {
            at = Put32(_data, Put32(_data, at, 0), 0);
        }

        _data[at++] = KeyLength;
        ReadOnlySpan<byte> key = Key;
        key.CopyTo(new Span<byte>(_data, at, KeyLength));
        ControlStatus status =
            Send(hasRss ? ControlCommand.RssConfiguration : ControlCommand.HashConfiguration, at + KeyLength);
        if (hasRss && status == ControlStatus.Refused)
        {
            _device.OnQueuePairsRefused();
        }

        return status;
    }

    /// <summary>
    /// The key that the specification of RSS uses for its examples. It keeps nothing secret: whoever can send frames
    /// can choose their queue, and no more.
    /// </summary>
    private static ReadOnlySpan<byte> Key => new byte[]
    {
        0x6D, 0x5A, 0x56, 0xDA, 0x25, 0x5B, 0x0E, 0xC2, 0x41, 0x67, 0x25, 0x3D, 0x43, 0xA3, 0x8F, 0xB0, 0xD0, 0xCA,
        0x2B, 0xCB, 0xAE, 0x7B, 0x30, 0xB4, 0x77, 0xCB, 0x2D, 0xA3, 0x80, 0x30, 0xF2, 0x0C, 0x6A, 0x42, 0xB7, 0x3B,
        0xBE, 0xAC, 0x01, 0xFA,
    };

    private ControlStatus Send32(ControlCommand command, uint value) => Send(command, Put32(_data, 0, value));

    private ControlStatus Send(ControlCommand command, int length) =>
        _device.Execute(command, new ReadOnlySpan<byte>(_data, 0, length));

    private static int Put16(byte[] bytes, int at, ushort value)
    {
        bytes[at] = (byte)value;
        bytes[at + 1] = (byte)(value >> 8);
        return at + 2;
    }

    private static int Put32(byte[] bytes, int at, uint value) =>
        Put16(bytes, Put16(bytes, at, (ushort)value), (ushort)(value >> 16));

    private static void PutStation(byte[] bytes, int at, ulong address)
    {
        for (int i = 0; i < StationLength; i++)
        {
            bytes[at + i] = (byte)(address >> (8 * (StationLength - 1 - i)));
        }
    }
}

/// <summary>Which frames a device hands on besides those for its station (virtio 1.4, 5.1.9.5.1).</summary>
[Flags]
public enum ReceiveModes
{
    /// <summary>No others.</summary>
    None = 0,

    /// <summary>All (CTRL_RX_PROMISC).</summary>
    Promiscuous = 1 << 0,

    /// <summary>Those for any group (CTRL_RX_ALLMULTI).</summary>
    AllMulticast = 1 << 1,

    /// <summary>Those for any station (CTRL_RX_ALLUNI).</summary>
    AllUnicast = 1 << 2,

    /// <summary>None for groups (CTRL_RX_NOMULTI).</summary>
    NoMulticast = 1 << 3,

    /// <summary>None for stations (CTRL_RX_NOUNI).</summary>
    NoUnicast = 1 << 4,

    /// <summary>None for everybody (CTRL_RX_NOBCAST).</summary>
    NoBroadcast = 1 << 5,
}

/// <summary>
/// What a device may do with frames on the way in, by the bits of its features (virtio 1.4, 5.1.9.5.9).
/// </summary>
[Flags]
public enum GuestOffloads : ulong
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>Leave checksums incomplete, or say that they were checked.</summary>
    Checksum = 1UL << 1,

    /// <summary>Put TCP segments over IPv4 together.</summary>
    Tso4 = 1UL << 7,

    /// <summary>Put TCP segments over IPv6 together.</summary>
    Tso6 = 1UL << 8,

    /// <summary>Do so where congestion was met, too.</summary>
    Ecn = 1UL << 9,

    /// <summary>Put UDP datagrams over IPv4 together.</summary>
    Uso4 = 1UL << 54,

    /// <summary>Put UDP datagrams over IPv6 together.</summary>
    Uso6 = 1UL << 55,
}
