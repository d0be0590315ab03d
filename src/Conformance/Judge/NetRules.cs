using System;
using System.Buffers.Binary;
using System.Numerics;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;

namespace VirtioGuest.Conformance.Judge;

/// <summary>
/// Frames and commands of a network device (virtio 1.4, 5.1.9), measured by what its driver has read of the
/// configuration.
/// </summary>
internal sealed class NetRules : RuleSet
{
    private const byte NeedsChecksum = 1;
    private const byte NotForDrivers = 2 | 4;
    private const byte EcnBit = 0x80;
    private const byte TunnelBits = 0x60;
    private const byte Tcp4 = 1;
    private const byte UdpFragments = 3;
    private const byte Tcp6 = 4;
    private const byte UdpDatagrams = 5;
    private const int LinkHeader = 14;
    private const int UdpHeader = 8;
    private const int PairsOffset = 8;
    private const int MtuOffset = 10;
    private const ulong HostUfo = 1UL << 14;
    private const ulong GuestUfo = 1UL << 10;
    private const ulong Segmentation = NetFeature.HostTso4 | NetFeature.HostTso6 | NetFeature.HostUso | HostUfo;
    private const ulong GuestSegmentation = NetFeature.GuestTso4 | NetFeature.GuestTso6 | GuestUfo
        | NetFeature.GuestUso4 | NetFeature.GuestUso6;

    private const ulong UsualBuffer = 1514;
    private const ulong LargestBuffer = 65589;

    private uint _mtu;
    private uint _mostPairs = 1;
    private uint _pairs = 1;
    private bool _arePairsSet;

    private int HeaderLength => NetDevice.HeaderLengthFor(Device.Accepted, Device.AcceptedHigh);

    private bool HasManyPairs => (Device.Accepted & NetFeature.ManyQueues) != 0;

    private int ControlQueue => HasManyPairs ? 2 * (int)_mostPairs : 2;

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (access.Reads(Register.Configuration) && access.Width == 2)
        {
            _mtu = access.Offset == MtuOffset ? access.Value : _mtu;
            _mostPairs = access.Offset == PairsOffset ? Math.Max(access.Value, 1) : _mostPairs;
        }
        else if (access.Writes(Register.Status) && access.Value == 0)
        {
            _pairs = 1;
            _arePairsSet = false;
        }
    }

    /// <inheritdoc/>
    public override void OnLive(BecameLive live)
    {
        _pairs = 1;
        _arePairsSet = false;
        ReadOnlySpan<byte> configuration = live.Configuration.Span;
        if (configuration.Length >= MtuOffset + sizeof(ushort))
        {
            _mostPairs = Math.Max(BinaryPrimitives.ReadUInt16LittleEndian(configuration[PairsOffset..]), (ushort)1);
            _mtu = BinaryPrimitives.ReadUInt16LittleEndian(configuration[MtuOffset..]);
        }
    }

    /// <inheritdoc/>
    public override void OnTaken(BufferTaken taken)
    {
        if (taken.Queue == ControlQueue && Device.Has(NetFeature.ControlQueue))
        {
            OnCommand(PlaceOf(taken.Queue), taken.Buffer);
        }
        else if (taken.Queue % 2 == 0)
        {
            OnReceiveBuffer(PlaceOf(taken.Queue), taken.Buffer.WritableLength);
        }
        else
        {
            OnFrame(taken.Queue, taken.Buffer);
        }
    }

    private void OnReceiveBuffer(string place, ulong length)
    {
        ulong header = (ulong)HeaderLength;
        if (Device.Has(NetFeature.MergeableBuffers))
        {
            Expect("drv.net.47", length >= header, place, $"a receive buffer has {length} bytes");
        }
        else if ((Device.Accepted & GuestSegmentation) != 0)
        {
            Expect("drv.net.45", length >= LargestBuffer + header, place, $"a receive buffer has {length} bytes");
        }
        else
        {
            Expect("drv.net.46", length >= UsualBuffer + header, place, $"a receive buffer has {length} bytes");
        }
    }

    private void OnFrame(int queue, RingBuffer buffer)
    {
        string place = PlaceOf(queue);
        bool isWhole = buffer.ReadableLength >= (ulong)HeaderLength;
        Expect("drv.net.15", isWhole, place, $"a frame has {buffer.ReadableLength} bytes with its header");
        if (HasManyPairs && isWhole)
        {
            string id = _arePairsSet ? "drv.net.72" : "drv.net.71";
            Expect(id, queue / 2 < _pairs, place, $"queue {queue} was used with {_pairs} pairs");
        }

        if (isWhole)
        {
            ulong length = buffer.ReadableLength - (ulong)HeaderLength;
            OnHeader(place, NetPacketHeader.Read(buffer.Readable.Span), buffer.Readable.Span[HeaderLength..], length);
        }
    }

    private void OnHeader(string place, NetPacketHeader header, ReadOnlySpan<byte> frame, ulong length)
    {
        Expect("drv.net.16", header.BufferCount == 0, place, $"num_buffers is {header.BufferCount}");
        Expect("drv.net.43", (header.Flags & NotForDrivers) == 0, place, $"flags are {header.Flags:x}");
        if (!Device.Has(NetFeature.Checksum))
        {
            bool isClear = (header.Flags & ~NotForDrivers) == 0;
            Expect("drv.net.17", isClear, place, $"flags are {header.Flags:x} without CSUM");
        }

        bool needsChecksum = (header.Flags & NeedsChecksum) != 0;
        if (needsChecksum)
        {
            bool isInside = (ulong)header.ChecksumStart + header.ChecksumOffset + 2 <= length;
            Expect("drv.net.36", isInside, place, $"a checksum lies beyond a frame of {length} bytes");
        }

        int type = header.SegmentType & ~(EcnBit | TunnelBits);
        if (Device.Has(NetFeature.Mtu) && type == 0 && _mtu != 0)
        {
            const int Tag = 4;
            ulong most = _mtu + LinkHeader + Tag;
            Expect("drv.net.9", length <= most, place, $"a frame has {length} bytes with an MTU of {_mtu}");
        }

        OnSegmentation(place, header, type);
        if (type != 0)
        {
            Expect("drv.net.38", needsChecksum, place, $"gso_type is {header.SegmentType:x} without NEEDS_CSUM");
            Expect("drv.net.39", header.SegmentSize != 0, place, $"gso_size is 0 with a gso_type");
            OnHeaderLength(place, header, type, frame);
        }
    }

    private void OnSegmentation(string place, NetPacketHeader header, int type)
    {
        bool mayBeTunnel = (Device.AcceptedHigh & NetFeature.HostUdpTunnel) != 0;
        bool isTunnel = (header.SegmentType & TunnelBits) != 0;
        Expect("drv.net.31", mayBeTunnel || !isTunnel, place, $"gso_type is {header.SegmentType:x}");
        if ((Device.Accepted & Segmentation) == 0)
        {
            Expect("drv.net.37", type == 0, place, $"gso_type is {header.SegmentType:x} with nothing negotiated");
            return;
        }

        (string id, ulong need) = type switch
        {
            Tcp4 => ("drv.net.21", NetFeature.HostTso4),
            Tcp6 => ("drv.net.23", NetFeature.HostTso6),
            UdpFragments => ("drv.net.25", HostUfo),
            UdpDatagrams => ("drv.net.27", NetFeature.HostUso),
            _ => (string.Empty, 0UL),
        };
        if (need != 0)
        {
            Expect(id, Device.Has(need), place, $"gso_type {type} was used without its feature {need:x}");
        }
    }

    private void OnHeaderLength(string place, NetPacketHeader header, int type, ReadOnlySpan<byte> frame)
    {
        const int TcpLengthOffset = 12;
        int transport = UdpHeader;
        if (type is Tcp4 or Tcp6)
        {
            if (frame.Length <= header.ChecksumStart + TcpLengthOffset)
            {
                return;
            }

            transport = (frame[header.ChecksumStart + TcpLengthOffset] >> 4) * 4;
        }

        int length = header.ChecksumStart + transport;
        if (Device.Has(NetFeature.GuestHeaderLength))
        {
            Expect("drv.net.40", header.HeaderLength == length, place, $"hdr_len is {header.HeaderLength}");
        }
        else
        {
            Expect("drv.net.41", header.HeaderLength >= length, place, $"hdr_len is {header.HeaderLength} of {length}");
        }
    }

    private void OnCommand(string place, RingBuffer buffer)
    {
        ReadOnlySpan<byte> bytes = buffer.Readable.Span;
        if (bytes.Length < 2)
        {
            return;
        }

        ReadOnlySpan<byte> data = bytes[2..];
        switch (bytes[0], bytes[1])
        {
            case (0, <= 1):
                Need("drv.net.61", place, NetFeature.ControlReceive, bytes);
                break;
            case (0, <= 5):
                Need("drv.net.62", place, NetFeature.ControlReceiveExtra, bytes);
                break;
            case (1, 0):
                Need("drv.net.63", place, NetFeature.ControlReceive, bytes);
                OnAddressTable(place, data, buffer.ReadableLength - 2);
                break;
            case (1, _):
                // CTRL_MAC_ADDR is for this very command, so it is taken for enough.
                Need("drv.net.63", place, NetFeature.ControlReceive | NetFeature.ControlMacAddress, bytes);
                break;
            case (4, 0) when data.Length >= 2:
                uint pairs = BinaryPrimitives.ReadUInt16LittleEndian(data);
                bool isPossible = pairs >= 1 && pairs <= _mostPairs;
                Expect("drv.net.70", isPossible, place, $"{pairs} pairs of {_mostPairs} were asked for");
                _pairs = isPossible ? pairs : _pairs;
                _arePairsSet |= isPossible;
                break;
            case (4, 1):
                Need("drv.net.73", place, NetFeature.Rss, bytes);
                OnRss(place, data);
                break;
            case (5, 0) when data.Length >= 8:
                ulong foreign = BinaryPrimitives.ReadUInt64LittleEndian(data) & ~Device.Accepted;
                Expect("drv.net.79", foreign == 0, place, $"offloads {foreign:x} were enabled and not negotiated");
                break;
            case (6, <= 1):
                Need("drv.net.81", place, NetFeature.Coalescing, bytes);
                break;
            case (6, <= 3):
                Need("drv.net.82", place, NetFeature.QueueCoalescing, bytes);
                break;
            default:
                break;
        }
    }

    private void Need(string id, string place, ulong features, ReadOnlySpan<byte> command)
    {
        bool isNegotiated = (Device.Accepted & features) != 0;
        byte kind = command[0];
        byte number = command[1];
        Expect(id, isNegotiated, place, $"command {kind}.{number} was given without any of {features:x}");
    }

    private void OnAddressTable(string place, ReadOnlySpan<byte> data, ulong length)
    {
        const int Address = 6;
        ulong at = 0;
        for (int list = 0; list < 2; list++)
        {
            if (at + 4 > (ulong)data.Length)
            {
                at = ulong.MaxValue;
                break;
            }

            at += 4 + (Address * (ulong)BinaryPrimitives.ReadUInt32LittleEndian(data[(int)at..]));
        }

        bool fits = at == length || (ulong)data.Length < length;
        Expect("drv.net.65", fits, place, $"the table of addresses has {length} bytes");
    }

    private void OnRss(string place, ReadOnlySpan<byte> data)
    {
        const int MaskOffset = 4;
        if (data.Length >= MaskOffset + 2)
        {
            int entries = BinaryPrimitives.ReadUInt16LittleEndian(data[MaskOffset..]) + 1;
            _pairs = _mostPairs;
            _arePairsSet = true;
            Expect("drv.net.75", BitOperations.IsPow2(entries), place, $"the table has {entries} entries");
        }
    }
}
