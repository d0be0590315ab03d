using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Net;

/// <summary>How a device answers commands.</summary>
public enum CommandAnswer
{
    /// <summary>As the specification says.</summary>
    Right = 0,

    /// <summary>With an error, and without doing anything.</summary>
    Error = 1,

    /// <summary>With what is no answer: a fault.</summary>
    Rubbish = 2,

    /// <summary>By using the buffer and writing nothing: a fault.</summary>
    Nothing = 3,

    /// <summary>Not at all: a fault.</summary>
    Never = 4,
}

/// <summary>
/// The control queue of a network device, and what was commanded over it (virtio 1.4, 5.1.9.5): which frames reach the
/// guest, and by which queue.
/// </summary>
public sealed class NetCommands
{
    private const byte Ok = 0;
    private const byte Error = 1;
    private const byte RubbishAnswer = 0x5A;
    private const int StationLength = 6;
    private const int LargestCommand = 4096;
    private const int VlanTypeOffset = 12;

    private readonly NetDevice _device;
    private readonly int _pairs;
    private readonly Dictionary<ulong, int> _flows = new Dictionary<ulong, int>();
    private readonly List<byte[]> _given = new List<byte[]>();
    private readonly HashSet<int> _vlans = new HashSet<int>();
    private readonly List<string> _stations = new List<string>();
    private readonly Dictionary<int, (uint Frames, uint Microseconds)> _coalescing = [];
    private ushort[] _table = [0];
    private ushort _unclassified;
    private byte[] _key = [];

    internal NetCommands(NetDevice device, int pairs)
    {
        _device = device;
        _pairs = pairs;
        Reset();
    }

    /// <summary>How commands are answered.</summary>
    public CommandAnswer Answer { get; set; }

    /// <summary>What was given in all lives: class, command, and what goes with them.</summary>
    public IReadOnlyList<byte[]> Given => _given;

    /// <summary>The modes that are on, a bit for each of PROMISC to NOBCAST.</summary>
    public byte Modes { get; private set; }

    /// <summary>The stations of the table, in hexadecimal.</summary>
    public IReadOnlyList<string> Stations => _stations;

    /// <summary>The VLANs that are let through.</summary>
    public IReadOnlyCollection<int> Vlans => _vlans;

    /// <summary>How many queue pairs are in use.</summary>
    public int QueuePairs { get; private set; }

    /// <summary>What is hashed.</summary>
    public uint HashTypes { get; private set; }

    /// <summary>Inside of which tunnels.</summary>
    public uint TunnelTypes { get; private set; }

    /// <summary>What the driver wants on the way in; null where it has never said.</summary>
    public ulong? GuestOffloads { get; private set; }

    /// <summary>What was said of notifications, by queue.</summary>
    public IReadOnlyDictionary<int, (uint Frames, uint Microseconds)> Coalescing => _coalescing;

    internal void Reset()
    {
        // Without a command everything is received, as QEMU's devices do.
        Modes = 1;
        QueuePairs = 1;
        HashTypes = 0;
        TunnelTypes = 0;
        GuestOffloads = null;
        _stations.Clear();
        _vlans.Clear();
        _flows.Clear();
        _coalescing.Clear();
        _table = [0];
        _unclassified = 0;
        _key = [];
    }

    internal bool Serve(ModelQueue queue)
    {
        if (Answer == CommandAnswer.Never || queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        ulong length = chain.ReadableLength;
        if (length < 2 || length > LargestCommand || chain.WritableLength < 1)
        {
            _device.Report(DriverRule.RequestForm, $"a command has {length} + {chain.WritableLength} bytes");
            _device.SetNeedsReset("a command has the wrong form");
            return true;
        }

        byte[] bytes = new byte[length];
        chain.TryRead(0, bytes);
        _given.Add(bytes);
        byte answer = Answer switch
        {
            CommandAnswer.Right => Do(bytes[0], bytes[1], bytes.AsSpan(2)) ? Ok : Error,
            CommandAnswer.Error => Error,
            _ => RubbishAnswer,
        };
        if (Answer == CommandAnswer.Nothing)
        {
            queue.Finish(chain, 0);
        }
        else
        {
            chain.TryWrite(0, [answer]);
            queue.Finish(chain, 1);
        }

        return true;
    }

    /// <summary>Whether a frame passes the filters.</summary>
    internal bool Accepts(ReadOnlySpan<byte> frame)
    {
        if (frame.Length < VlanTypeOffset + 2)
        {
            return true;
        }

        bool isTagged = frame.Length >= VlanTypeOffset + 4
            && BinaryPrimitives.ReadUInt16BigEndian(frame[VlanTypeOffset..]) == 0x8100;
        if (Has(NetFeature.ControlVlan) && isTagged
            && !_vlans.Contains(BinaryPrimitives.ReadUInt16BigEndian(frame[(VlanTypeOffset + 2)..]) & 0xFFF))
        {
            return false;
        }

        if (!Has(NetFeature.ControlReceive) || IsOn(0))
        {
            return true;
        }

        ReadOnlySpan<byte> station = frame[..StationLength];
        if (!station.ContainsAnyExcept((byte)0xFF))
        {
            return !IsOn(5);
        }

        bool isNamed = _stations.Contains(Convert.ToHexString(station));
        return (station[0] & 1) != 0
            ? !IsOn(3) && (IsOn(1) || isNamed)
            : !IsOn(4) && (IsOn(2) || isNamed || station.SequenceEqual(_device.Configuration[..StationLength]));
    }

    /// <summary>Which queue pair a frame goes to; the hash is put into its header.</summary>
    internal int Steer(ref NetPacket packet)
    {
        bool isHashed = NetHash.TryCompute(packet.Frame, HashTypes, _key, out uint hash, out ushort report);
        if (isHashed && Has(NetFeature.HashReport))
        {
            packet = packet with { Header = packet.Header with { Hash = hash, HashReport = report } };
        }

        if (Has(NetFeature.Rss) && _key.Length != 0)
        {
            return isHashed ? _table[hash & (uint)(_table.Length - 1)] : _unclassified;
        }

        return _flows.GetValueOrDefault(NetHash.FlowOf(packet.Frame, isReply: true)) % QueuePairs;
    }

    /// <summary>What is sent on a queue is answered on the same pair (virtio 1.4, 5.1.9.5.6).</summary>
    internal void Learn(ReadOnlySpan<byte> frame, int pair) =>
        _flows[NetHash.FlowOf(frame, isReply: false)] = pair;

    private bool Has(ulong feature) => (_device.DriverFeatures & feature) != 0;

    private bool IsOn(int mode) => (Modes & (1 << mode)) != 0;

    private bool Do(byte kind, byte command, ReadOnlySpan<byte> data) => kind switch
    {
        0 => Needs(command < 2 ? NetFeature.ControlReceive : NetFeature.ControlReceiveExtra) && SetMode(command, data),
        1 when command == 0 => Needs(NetFeature.ControlReceive) && SetStations(data),
        1 => Needs(NetFeature.ControlMacAddress) && SetAddress(data),
        2 => Needs(NetFeature.ControlVlan) && SetVlan(command, data),
        3 => Needs(NetFeature.GuestAnnounce) && data.IsEmpty && Announced(),
        4 when command == 0 => Needs(NetFeature.MultipleQueues) && SetPairs(data),
        4 when command == 1 => Needs(NetFeature.Rss) && SetRss(data),
        4 => Needs(NetFeature.HashReport) && SetHashes(data),
        5 => Needs(NetFeature.ControlGuestOffloads) && SetOffloads(data),
        6 => Needs(command < 2 ? NetFeature.Coalescing : NetFeature.QueueCoalescing) && Coalesce(command, data),
        7 => Needs(NetFeature.HashTunnel) && SetTunnels(data),
        _ => Needs(0),
    };

    private bool Needs(ulong feature)
    {
        if (!Has(feature))
        {
            _device.Report(DriverRule.RequestForm, "a command needs a feature that was not negotiated");
        }

        return Has(feature);
    }

    private bool IsWrong(bool isWrong, string what)
    {
        if (isWrong)
        {
            _device.Report(DriverRule.RequestForm, what);
        }

        return isWrong;
    }

    private bool SetMode(int mode, ReadOnlySpan<byte> data)
    {
        if (IsWrong(mode > 5 || data.Length != 1 || data[0] > 1, "a receive mode has the wrong form"))
        {
            return false;
        }

        Modes = (byte)(data[0] == 1 ? Modes | (1 << mode) : Modes & ~(1 << mode));
        return true;
    }

    private bool SetStations(ReadOnlySpan<byte> data)
    {
        List<string> stations = [];
        for (int list = 0; list < 2; list++)
        {
            if (IsWrong(data.Length < 4, "a table of stations is cut short"))
            {
                return false;
            }

            uint count = BinaryPrimitives.ReadUInt32LittleEndian(data);
            data = data[4..];
            if (IsWrong(data.Length < count * StationLength, "a table of stations is cut short"))
            {
                return false;
            }

            for (int i = 0; i < count; i++)
            {
                if (IsWrong((data[0] & 1) != list, "a station is in the wrong table"))
                {
                    return false;
                }

                stations.Add(Convert.ToHexString(data[..StationLength]));
                data = data[StationLength..];
            }
        }

        _stations.Clear();
        _stations.AddRange(stations);
        return !IsWrong(!data.IsEmpty, "there is something behind the tables of stations");
    }

    private bool SetAddress(ReadOnlySpan<byte> data)
    {
        if (IsWrong(data.Length != StationLength, "an address has the wrong form"))
        {
            return false;
        }

        _device.SetMac(data);
        return true;
    }

    private bool SetVlan(int command, ReadOnlySpan<byte> data)
    {
        if (IsWrong(command > 1 || data.Length != 2, "a VLAN has the wrong form"))
        {
            return false;
        }

        ushort vlan = BinaryPrimitives.ReadUInt16LittleEndian(data);
        return command == 0 ? vlan < 4096 && (_vlans.Add(vlan) || true) : _vlans.Remove(vlan);
    }

    private bool Announced()
    {
        _device.ConfigurationStore[StationLength] &= 0xFD;
        return true;
    }

    private bool SetPairs(ReadOnlySpan<byte> data)
    {
        int pairs = data.Length == 2 ? BinaryPrimitives.ReadUInt16LittleEndian(data) : 0;
        if (IsWrong(pairs < 1 || pairs > _pairs, $"{pairs} queue pairs are asked for"))
        {
            return false;
        }

        QueuePairs = pairs;
        return true;
    }

    private bool SetRss(ReadOnlySpan<byte> data)
    {
        int entries = data.Length < 8 ? 0 : BinaryPrimitives.ReadUInt16LittleEndian(data[4..]) + 1;
        int tail = 8 + (2 * entries);
        if (IsWrong(
            entries == 0 || entries > 128 || (entries & (entries - 1)) != 0 || data.Length < tail + 3
                || data[tail + 2] > 40 || data.Length != tail + 3 + data[tail + 2],
            "an RSS configuration has the wrong form"))
        {
            return false;
        }

        uint types = BinaryPrimitives.ReadUInt32LittleEndian(data);
        int pairs = BinaryPrimitives.ReadUInt16LittleEndian(data[tail..]);
        ushort[] table = new ushort[entries];
        for (int i = 0; i < entries; i++)
        {
            table[i] = BinaryPrimitives.ReadUInt16LittleEndian(data[(8 + (2 * i))..]);
            if (IsWrong(table[i] >= _pairs, "a queue that is not there is named"))
            {
                return false;
            }
        }

        if (IsWrong((types & ~NetDevice.SupportedHashes) != 0 || pairs < 1 || pairs > _pairs, "RSS asks for too much"))
        {
            return false;
        }

        HashTypes = types;
        _unclassified = BinaryPrimitives.ReadUInt16LittleEndian(data[6..]);
        _table = table;
        _key = data[(tail + 3)..].ToArray();
        QueuePairs = pairs;
        return true;
    }

    private bool SetHashes(ReadOnlySpan<byte> data)
    {
        if (IsWrong(
            data.Length < 13 || data[4..12].ContainsAnyExcept((byte)0) || data.Length != 13 + data[12],
            "a configuration of hashes has the wrong form"))
        {
            return false;
        }

        HashTypes = BinaryPrimitives.ReadUInt32LittleEndian(data);
        _key = data[13..].ToArray();
        return !IsWrong((HashTypes & ~NetDevice.SupportedHashes) != 0, "a hash is asked for that is not offered");
    }

    private bool SetOffloads(ReadOnlySpan<byte> data)
    {
        if (IsWrong(data.Length != 8, "offloads have the wrong form"))
        {
            return false;
        }

        GuestOffloads = BinaryPrimitives.ReadUInt64LittleEndian(data);
        return !IsWrong(
            (GuestOffloads & ~_device.DriverFeatures) != 0, "an offload is turned on that was not negotiated");
    }

    private bool Coalesce(int command, ReadOnlySpan<byte> data)
    {
        int queue = command == 2 && data.Length == 12 ? BinaryPrimitives.ReadUInt16LittleEndian(data) : -1;
        ReadOnlySpan<byte> values = queue >= 0 ? data[4..] : data;
        if (IsWrong(
            command > 2 || (command == 2 && (queue < 0 || queue >= 2 * _pairs)) || values.Length != 8,
            "coalescing has the wrong form"))
        {
            return false;
        }

        var value = (
            BinaryPrimitives.ReadUInt32LittleEndian(values), BinaryPrimitives.ReadUInt32LittleEndian(values[4..]));
        for (int i = 0; i < 2 * _pairs; i++)
        {
            if (i == queue || (queue < 0 && i % 2 == (command == 0 ? 1 : 0)))
            {
                _coalescing[i] = value;
            }
        }

        return true;
    }

    private bool SetTunnels(ReadOnlySpan<byte> data)
    {
        TunnelTypes = data.Length == 4 ? BinaryPrimitives.ReadUInt32LittleEndian(data) : uint.MaxValue;
        return !IsWrong((TunnelTypes & ~NetHash.Vxlan) != 0, "a tunnel is asked for that is not offered");
    }
}

/// <summary>The hash of a frame (virtio 1.4, 5.1.9.4.3).</summary>
public static class NetHash
{
    /// <summary>VIRTIO_NET_HASH_TYPE_IPv4.</summary>
    public const uint IPv4 = 1 << 0;

    /// <summary>VIRTIO_NET_HASH_TYPE_TCPv4.</summary>
    public const uint Tcp4 = 1 << 1;

    /// <summary>VIRTIO_NET_HASH_TYPE_UDPv4.</summary>
    public const uint Udp4 = 1 << 2;

    /// <summary>VIRTIO_NET_HASH_TUNNEL_TYPE_VXLAN.</summary>
    public const uint Vxlan = 1 << 4;

    private const int IPv4Offset = 14;
    private const int AddressesOffset = 26;

    /// <summary>Computes it, for IPv4 without fragments.</summary>
    /// <param name="frame">The frame.</param>
    /// <param name="types">What is hashed.</param>
    /// <param name="key">The key of the Toeplitz function.</param>
    /// <param name="hash">The hash.</param>
    /// <param name="report">What it was computed of.</param>
    public static bool TryCompute(
        ReadOnlySpan<byte> frame, uint types, ReadOnlySpan<byte> key, out uint hash, out ushort report)
    {
        hash = 0;
        report = 0;
        if (!IsIPv4(frame))
        {
            return false;
        }

        int ports = IPv4Offset + ((frame[IPv4Offset] & 0xF) * 4);
        bool hasPorts = frame.Length >= ports + 4;
        byte protocol = frame[23];
        report = protocol == 6 && hasPorts && (types & Tcp4) != 0 ? (ushort)2
            : protocol == 17 && hasPorts && (types & Udp4) != 0 ? (ushort)3
            : (types & IPv4) != 0 ? (ushort)1 : (ushort)0;
        if (report == 0)
        {
            return false;
        }

        byte[] input = [.. frame.Slice(AddressesOffset, 8), .. report == 1 ? [] : frame.Slice(ports, 4)];
        hash = Toeplitz(key, input);
        return true;
    }

    /// <summary>The function of Toeplitz.</summary>
    public static uint Toeplitz(ReadOnlySpan<byte> key, ReadOnlySpan<byte> input)
    {
        uint hash = 0;
        for (int bit = 0; bit < input.Length * 8; bit++)
        {
            if ((input[bit / 8] & (0x80 >> (bit % 8))) != 0)
            {
                hash ^= Window(key, bit);
            }
        }

        return hash;
    }

    internal static ulong FlowOf(ReadOnlySpan<byte> frame, bool isReply)
    {
        if (!IsIPv4(frame))
        {
            return 0;
        }

        uint source = BinaryPrimitives.ReadUInt32BigEndian(frame[AddressesOffset..]);
        uint destination = BinaryPrimitives.ReadUInt32BigEndian(frame[(AddressesOffset + 4)..]);
        int ports = IPv4Offset + ((frame[IPv4Offset] & 0xF) * 4);
        bool hasPorts = frame[23] is 6 or 17 && frame.Length >= ports + 4;
        uint from = hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(frame[ports..]) : 0u;
        uint to = hasPorts ? BinaryPrimitives.ReadUInt16BigEndian(frame[(ports + 2)..]) : 0u;
        (source, destination, from, to) = isReply ? (destination, source, to, from) : (source, destination, from, to);
        return (ulong)HashCode.Combine(source, destination, from, to) & uint.MaxValue;
    }

    private static bool IsIPv4(ReadOnlySpan<byte> frame) =>
        frame.Length >= AddressesOffset + 8 && frame[12] == 8 && frame[13] == 0;

    private static uint Window(ReadOnlySpan<byte> key, int bit)
    {
        uint window = 0;
        for (int i = 0; i < 32; i++)
        {
            int at = bit + i;
            bool isSet = at / 8 < key.Length && (key[at / 8] & (0x80 >> (at % 8))) != 0;
            window = (window << 1) | (isSet ? 1u : 0);
        }

        return window;
    }
}
