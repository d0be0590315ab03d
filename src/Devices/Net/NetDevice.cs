using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Net;

/// <summary>
/// A network device (virtio 1.4, 5.1), with queue pairs, offloads and a control queue where it has one.
/// </summary>
/// <remarks>
/// <para>
/// Frames for the guest wait until it provides buffers. With MRG_RXBUF a frame goes into as many buffers as it needs,
/// which are used together; without it, one that does not fit its buffer is dropped and the buffer kept for the next.
/// </para>
/// <para>
/// What the guest leaves to the device is done: checksums are completed and large frames cut, so that
/// <see cref="SentFrames"/> is what goes over the wire.
/// </para>
/// </remarks>
public sealed class NetDevice : VirtioDeviceModel
{
    /// <summary>The size of the header before each frame without further features (virtio 1.4, 5.1.9).</summary>
    public const int HeaderLength = 12;

    /// <summary>The queue on which the guest receives; further ones are even, too.</summary>
    public const int ReceiveQueue = 0;

    /// <summary>The queue on which the guest transmits; further ones are odd, too.</summary>
    public const int TransmitQueue = 1;

    /// <summary>The size of the configuration space up to the MTU (virtio 1.4, 5.1.4).</summary>
    public const int ConfigurationSize = 12;

    /// <summary>The size of the whole configuration space.</summary>
    public const int FullConfigurationSize = 28;

    /// <summary>What the model can hash: TCP, UDP and the rest of IPv4.</summary>
    public const uint SupportedHashes = NetHash.IPv4 | NetHash.Tcp4 | NetHash.Udp4;

    private const int HashedHeaderLength = 20;
    private const int TunnelHeaderLength = 24;
    private const int LongestHeaderLength = 32;
    private const int StatusField = 6;
    private const int PairsField = 8;
    private const int MtuField = 10;
    private const int SpeedField = 12;
    private const int DuplexField = 16;
    private const int KeySizeField = 17;
    private const int TableLengthField = 18;
    private const int HashTypesField = 20;
    private const int TunnelTypesField = 24;
    private const byte LinkUp = 1;
    private const byte Announce = 2;
    private const byte KeySize = 40;
    private const ushort TableLength = 128;
    private const ulong LargestFrame = 65589;
    private const uint UsualBuffer = 1526;

    private readonly Queue<NetPacket>[] _arriving;
    private readonly List<DeviceChain>[] _gathered;
    private readonly List<FinishedBuffer> _finished = new List<FinishedBuffer>();
    private readonly List<byte[]> _sent = new List<byte[]>();
    private readonly List<NetPacket> _packets = new List<NetPacket>();
    private readonly int _pairs;

    /// <summary>Creates a device whose link is up.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="mac">Its address, 6 bytes.</param>
    /// <param name="mtu">The largest payload that the driver is told.</param>
    /// <param name="configurationLength">
    /// After how many bytes its configuration space ends, 0 to <see cref="FullConfigurationSize"/>: short of a field
    /// that it offers the feature of, or of all fields, is a fault.
    /// </param>
    /// <param name="queuePairs">How many queue pairs it has.</param>
    /// <param name="hasControlQueue">Whether there is a control queue behind them.</param>
    public NetDevice(
        GuestMemory memory,
        ReadOnlySpan<byte> mac,
        ushort mtu = 1500,
        int configurationLength = ConfigurationSize,
        int queuePairs = 1,
        bool hasControlQueue = false)
        : base(1, (2 * queuePairs) + (hasControlQueue ? 1 : 0), configurationLength, memory)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mac.Length, 6);
        _pairs = queuePairs;
        _arriving = new Queue<NetPacket>[queuePairs];
        _gathered = new List<DeviceChain>[queuePairs];
        for (int pair = 0; pair < queuePairs; pair++)
        {
            _arriving[pair] = new Queue<NetPacket>();
            _gathered[pair] = new List<DeviceChain>();
        }

        Commands = new NetCommands(this, queuePairs);
        OfferedFeatures |= NetFeature.Mac | NetFeature.Mtu | NetFeature.Status;
        Span<byte> fields = stackalloc byte[FullConfigurationSize];
        mac.CopyTo(fields);
        fields[StatusField] = LinkUp;
        BinaryPrimitives.WriteUInt16LittleEndian(fields[PairsField..], (ushort)queuePairs);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[MtuField..], mtu);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[SpeedField..], 10_000);
        fields[DuplexField] = 1;
        fields[KeySizeField] = KeySize;
        BinaryPrimitives.WriteUInt16LittleEndian(fields[TableLengthField..], TableLength);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[HashTypesField..], SupportedHashes);
        BinaryPrimitives.WriteUInt32LittleEndian(fields[TunnelTypesField..], NetHash.Vxlan);
        fields[..configurationLength].CopyTo(ConfigurationStore);
    }

    /// <summary>Who is on the wire; null for nobody.</summary>
    public NetworkPeer? Peer { get; set; }

    /// <summary>What the driver has commanded, and how it is answered.</summary>
    public NetCommands Commands { get; }

    /// <summary>
    /// Whether a driver is found out whose buffers are not one element each, those to receive into of at least 1526
    /// bytes (virtio 1.4, 5.1.9.3.1): what simple devices take for granted, although any layout is allowed.
    /// </summary>
    public bool ExpectsUsualLayout { get; set; }

    /// <summary>Whether a frame that finds no buffer is dropped; it waits otherwise.</summary>
    public bool DropsWithoutBuffer { get; set; }

    /// <summary>What num_buffers says of every frame, whatever is so: a fault; null for the truth.</summary>
    public ushort? ForcedBufferCount { get; set; }

    /// <summary>
    /// Whether of a frame in several buffers only the first is used: a fault. The others are kept for the next frame.
    /// </summary>
    public bool KeepsRestOfFrame { get; set; }

    /// <summary>
    /// Whether <see cref="SentFrames"/> and <see cref="SentPackets"/> keep what was sent; else only the peer sees it.
    /// </summary>
    public bool KeepsFrames { get; set; } = true;

    /// <summary>The frames that the guest sent, as they go over the wire.</summary>
    public IReadOnlyList<byte[]> SentFrames => _sent;

    /// <summary>What the guest sent, as it gave it to the device.</summary>
    public IReadOnlyList<NetPacket> SentPackets => _packets;

    /// <summary>How many frames wait for buffers.</summary>
    public int Waiting
    {
        get
        {
            int count = 0;
            foreach (Queue<NetPacket> queue in _arriving)
            {
                count += queue.Count;
            }

            return count;
        }
    }

    /// <summary>How many frames were too large for the guest's buffers, or found none.</summary>
    public int Dropped { get; private set; }

    /// <summary>How many frames were not for the guest.</summary>
    public int Filtered { get; private set; }

    /// <summary>Whether the link is up; a change is told to the driver.</summary>
    public bool IsLinkUp
    {
        get => (Configuration[StatusField] & LinkUp) != 0;
        set => SetStatus(LinkUp, value);
    }

    /// <summary>Whether the device asks for announcements; a change is told to the driver.</summary>
    public bool AsksForAnnouncement
    {
        get => (Configuration[StatusField] & Announce) != 0;
        set => SetStatus(Announce, value);
    }

    /// <summary>How many bytes the header has, with what was negotiated.</summary>
    public int NegotiatedHeaderLength => HeaderLengthFor(DriverFeatures, DriverHighFeatures);

    /// <summary>How many bytes the header has (virtio 1.4, 5.1.9).</summary>
    /// <param name="features">What was negotiated.</param>
    /// <param name="highFeatures">The same of the features from bit 64 on.</param>
    public static int HeaderLengthFor(ulong features, ulong highFeatures)
    {
        const ulong Tunnels = NetFeature.HostUdpTunnel | NetFeature.GuestUdpTunnel;
        return (highFeatures & NetFeature.OuterNetworkHeader) != 0 ? LongestHeaderLength
            : (highFeatures & Tunnels) != 0 ? TunnelHeaderLength
            : (features & NetFeature.HashReport) != 0 ? HashedHeaderLength
            : HeaderLength;
    }

    /// <inheritdoc/>
    protected override ulong TypeFeatures => NetFeature.All;

    /// <inheritdoc/>
    protected override ulong TypeHighFeatures => NetFeature.AllHigh;

    /// <summary>Puts a frame on the wire to the guest, which gets it when the device is stepped.</summary>
    public void Receive(ReadOnlySpan<byte> frame) => Receive(new NetPacket(frame.ToArray(), default));

    /// <summary>The same, with what the header before it is to say.</summary>
    public void Receive(NetPacket packet)
    {
        if (!Commands.Accepts(packet.Frame))
        {
            Filtered++;
            return;
        }

        int pair = Commands.Steer(ref packet);
        _arriving[pair].Enqueue(packet);
        Wake(Queues[2 * pair]);
    }

    /// <inheritdoc/>
    protected override bool Serve(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Index == ControlIndex && (DriverFeatures & NetFeature.ControlQueue) != 0)
        {
            return Commands.Serve(queue);
        }

        return queue.Index < 2 * _pairs
            && (queue.Index % 2 == 0 ? Deliver(queue, queue.Index / 2) : Transmit(queue));
    }

    /// <inheritdoc/>
    protected override bool WantsBuffers(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        bool isReceive = queue.Index % 2 == 0 && queue.Index < 2 * _pairs;
        return !isReceive || _arriving[queue.Index / 2].Count != 0;
    }

    /// <inheritdoc/>
    protected override void OnReset()
    {
        Commands.Reset();
        for (int pair = 0; pair < _pairs; pair++)
        {
            _gathered[pair].Clear();
            _arriving[pair].Clear();
        }
    }

    /// <inheritdoc/>
    protected override void OnQueueReset(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Index % 2 == 0 && queue.Index / 2 < _pairs)
        {
            _gathered[queue.Index / 2].Clear();
        }
    }

    /// <inheritdoc/>
    protected override void OnSuspend()
    {
        for (int pair = 0; pair < _pairs; pair++)
        {
            List<DeviceChain> gathered = _gathered[pair];
            for (int i = gathered.Count - 1; i >= 0; i--)
            {
                Queues[2 * pair].Ring!.Unpop(gathered[i]);
            }

            gathered.Clear();
        }
    }

    internal void SetMac(ReadOnlySpan<byte> mac) => mac.CopyTo(ConfigurationStore);

    private int ControlIndex => (DriverFeatures & NetFeature.ManyQueues) != 0 ? 2 * _pairs : 2;

    private void SetStatus(byte bit, bool value) => ChangeConfiguration(() => ConfigurationStore[StatusField] =
        (byte)(value ? Configuration[StatusField] | bit : Configuration[StatusField] & ~bit));

    private bool Transmit(ModelQueue queue)
    {
        if (queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        ulong length = chain.ReadableLength;
        int headerLength = NegotiatedHeaderLength;
        if (length < (ulong)headerLength || length > LargestFrame + (ulong)headerLength || chain.WritableLength != 0)
        {
            Report(DriverRule.RequestForm, $"a frame to send has {length} + {chain.WritableLength} bytes");
            SetNeedsReset("a frame to send has the wrong form");
            return true;
        }

        CheckLayout(chain, 1);
        byte[] bytes = new byte[length];
        chain.TryRead(0, bytes);
        NetPacketHeader header = NetPacketHeader.Read(bytes.AsSpan(0, headerLength));
        byte[] frame = bytes[headerLength..];
        if (header.FindFault(DriverFeatures, DriverHighFeatures, frame) is string fault)
        {
            Report(DriverRule.RequestForm, fault);
        }

        if (headerLength == LongestHeaderLength && bytes.AsSpan(26, 6).ContainsAnyExcept((byte)0))
        {
            Report(DriverRule.RequestForm, "the header of a frame to send has something in its padding");
        }

        if (queue.Index / 2 >= Commands.QueuePairs)
        {
            Report(DriverRule.RequestForm, $"queue {queue.Index} is not in use");
        }

        Commands.Learn(frame, queue.Index / 2);
        IReadOnlyList<byte[]> pieces = NetSegmentation.Complete(frame, header);
        if (KeepsFrames)
        {
            _packets.Add(new NetPacket(frame, header));
            _sent.AddRange(pieces);
        }

        queue.Finish(chain, 0);
        foreach (byte[] each in pieces)
        {
            Peer?.OnFrame(this, each);
        }

        return true;
    }

    private bool Deliver(ModelQueue queue, int pair)
    {
        Queue<NetPacket> arriving = _arriving[pair];
        List<DeviceChain> gathered = _gathered[pair];
        if (arriving.Count == 0)
        {
            return false;
        }

        NetPacket packet = arriving.Peek();
        ulong length = (ulong)(NegotiatedHeaderLength + packet.Frame.Length);
        bool isMergeable = (DriverFeatures & NetFeature.MergeableBuffers) != 0;
        if (!Gather(queue.Ring!, gathered, isMergeable ? length : 1))
        {
            if (DropsWithoutBuffer)
            {
                arriving.Dequeue();
                Dropped++;
            }

            return DropsWithoutBuffer;
        }

        arriving.Dequeue();
        if (Room(gathered) < length)
        {
            Dropped++;
            return true;
        }

        Spread(packet, gathered);
        if (KeepsRestOfFrame)
        {
            _finished.RemoveRange(1, _finished.Count - 1);
            gathered.RemoveAt(0);
        }
        else
        {
            gathered.Clear();
        }

        queue.Finish(_finished);
        _finished.Clear();
        return true;
    }

    /// <summary>Takes buffers until there is room.</summary>
    private bool Gather(DeviceQueue ring, List<DeviceChain> gathered, ulong length)
    {
        while (Room(gathered) < length)
        {
            if (ring.TryPop() is not DeviceChain chain)
            {
                return false;
            }

            gathered.Add(chain);
            CheckLayout(chain, UsualBuffer);
            bool isFirst = gathered.Count == 1;
            if (chain.ReadableLength != 0 || (isFirst && chain.WritableLength < (ulong)NegotiatedHeaderLength))
            {
                Report(DriverRule.RequestForm, "a receive buffer is readable or has no room for the header");
                SetNeedsReset("a receive buffer has the wrong form");
                return false;
            }
        }

        return true;
    }

    private void CheckLayout(DeviceChain chain, uint smallest)
    {
        if (ExpectsUsualLayout && (chain.Elements.Length != 1 || chain.Elements[0].Length < smallest))
        {
            Report(DriverRule.RequestForm, $"a buffer has {chain.Elements.Length} elements, or is too small");
        }
    }

    private static ulong Room(List<DeviceChain> gathered)
    {
        ulong room = 0;
        foreach (DeviceChain chain in gathered)
        {
            room += chain.WritableLength;
        }

        return room;
    }

    private void Spread(NetPacket packet, List<DeviceChain> gathered)
    {
        byte[] bytes = new byte[NegotiatedHeaderLength + packet.Frame.Length];
        NetPacketHeader header = packet.Header with
        {
            BufferCount = ForcedBufferCount ?? (ushort)gathered.Count,
        };
        header.Write(bytes.AsSpan(0, NegotiatedHeaderLength), hasHash: (DriverFeatures & NetFeature.HashReport) != 0);
        packet.Frame.CopyTo(bytes, NegotiatedHeaderLength);
        int at = 0;
        foreach (DeviceChain chain in gathered)
        {
            int count = (int)Math.Min(chain.WritableLength, (ulong)(bytes.Length - at));
            chain.TryWrite(0, bytes.AsSpan(at, count));
            _finished.Add(new FinishedBuffer(chain, (uint)count, false));
            at += count;
        }
    }
}

/// <summary>The features of network devices that the model can handle, as masks (virtio 1.4, 5.1.3).</summary>
public static class NetFeature
{
    /// <summary>VIRTIO_NET_F_CSUM.</summary>
    public const ulong Checksum = 1UL << 0;

    /// <summary>VIRTIO_NET_F_GUEST_CSUM.</summary>
    public const ulong GuestChecksum = 1UL << 1;

    /// <summary>VIRTIO_NET_F_CTRL_GUEST_OFFLOADS.</summary>
    public const ulong ControlGuestOffloads = 1UL << 2;

    /// <summary>VIRTIO_NET_F_MTU.</summary>
    public const ulong Mtu = 1UL << 3;

    /// <summary>VIRTIO_NET_F_MAC.</summary>
    public const ulong Mac = 1UL << 5;

    /// <summary>VIRTIO_NET_F_GUEST_TSO4.</summary>
    public const ulong GuestTso4 = 1UL << 7;

    /// <summary>VIRTIO_NET_F_GUEST_TSO6.</summary>
    public const ulong GuestTso6 = 1UL << 8;

    /// <summary>VIRTIO_NET_F_GUEST_ECN.</summary>
    public const ulong GuestEcn = 1UL << 9;

    /// <summary>VIRTIO_NET_F_HOST_TSO4.</summary>
    public const ulong HostTso4 = 1UL << 11;

    /// <summary>VIRTIO_NET_F_HOST_TSO6.</summary>
    public const ulong HostTso6 = 1UL << 12;

    /// <summary>VIRTIO_NET_F_HOST_ECN.</summary>
    public const ulong HostEcn = 1UL << 13;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF.</summary>
    public const ulong MergeableBuffers = 1UL << 15;

    /// <summary>VIRTIO_NET_F_STATUS.</summary>
    public const ulong Status = 1UL << 16;

    /// <summary>VIRTIO_NET_F_CTRL_VQ.</summary>
    public const ulong ControlQueue = 1UL << 17;

    /// <summary>VIRTIO_NET_F_CTRL_RX.</summary>
    public const ulong ControlReceive = 1UL << 18;

    /// <summary>VIRTIO_NET_F_CTRL_VLAN.</summary>
    public const ulong ControlVlan = 1UL << 19;

    /// <summary>VIRTIO_NET_F_CTRL_RX_EXTRA.</summary>
    public const ulong ControlReceiveExtra = 1UL << 20;

    /// <summary>VIRTIO_NET_F_GUEST_ANNOUNCE.</summary>
    public const ulong GuestAnnounce = 1UL << 21;

    /// <summary>VIRTIO_NET_F_MQ.</summary>
    public const ulong MultipleQueues = 1UL << 22;

    /// <summary>VIRTIO_NET_F_CTRL_MAC_ADDR.</summary>
    public const ulong ControlMacAddress = 1UL << 23;

    /// <summary>VIRTIO_NET_F_HASH_TUNNEL.</summary>
    public const ulong HashTunnel = 1UL << 51;

    /// <summary>VIRTIO_NET_F_VQ_NOTF_COAL.</summary>
    public const ulong QueueCoalescing = 1UL << 52;

    /// <summary>VIRTIO_NET_F_NOTF_COAL.</summary>
    public const ulong Coalescing = 1UL << 53;

    /// <summary>VIRTIO_NET_F_GUEST_USO4.</summary>
    public const ulong GuestUso4 = 1UL << 54;

    /// <summary>VIRTIO_NET_F_GUEST_USO6.</summary>
    public const ulong GuestUso6 = 1UL << 55;

    /// <summary>VIRTIO_NET_F_HOST_USO.</summary>
    public const ulong HostUso = 1UL << 56;

    /// <summary>VIRTIO_NET_F_HASH_REPORT.</summary>
    public const ulong HashReport = 1UL << 57;

    /// <summary>VIRTIO_NET_F_GUEST_HDRLEN.</summary>
    public const ulong GuestHeaderLength = 1UL << 59;

    /// <summary>VIRTIO_NET_F_RSS.</summary>
    public const ulong Rss = 1UL << 60;

    /// <summary>VIRTIO_NET_F_SPEED_DUPLEX.</summary>
    public const ulong SpeedDuplex = 1UL << 63;

    /// <summary>VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO (65), among the features from bit 64 on.</summary>
    public const ulong GuestUdpTunnel = 1UL << 1;

    /// <summary>VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM (66), likewise.</summary>
    public const ulong GuestUdpTunnelChecksum = 1UL << 2;

    /// <summary>VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO (67), likewise.</summary>
    public const ulong HostUdpTunnel = 1UL << 3;

    /// <summary>VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM (68), likewise.</summary>
    public const ulong HostUdpTunnelChecksum = 1UL << 4;

    /// <summary>VIRTIO_NET_F_OUT_NET_HEADER (69), likewise.</summary>
    public const ulong OuterNetworkHeader = 1UL << 5;

    /// <summary>All of those from bit 64 on.</summary>
    public const ulong AllHigh = GuestUdpTunnel | GuestUdpTunnelChecksum | HostUdpTunnel | HostUdpTunnelChecksum
        | OuterNetworkHeader;

    /// <summary>What makes more than one queue pair.</summary>
    public const ulong ManyQueues = MultipleQueues | Rss;

    /// <summary>All offloads of frames to send.</summary>
    public const ulong HostOffloads =
        Checksum | HostTso4 | HostTso6 | HostEcn | HostUso | GuestHeaderLength;

    /// <summary>All offloads of received frames.</summary>
    public const ulong GuestOffloads =
        GuestChecksum | GuestTso4 | GuestTso6 | GuestEcn | GuestUso4 | GuestUso6 | MergeableBuffers;

    /// <summary>What goes over the control queue of a device with one queue pair.</summary>
    public const ulong Control = ControlQueue | ControlReceive | ControlVlan | ControlReceiveExtra | GuestAnnounce
        | ControlMacAddress | ControlGuestOffloads | Coalescing | QueueCoalescing;

    /// <summary>All of them.</summary>
    public const ulong All = HostOffloads | GuestOffloads | Control | Mtu | Mac | Status | SpeedDuplex | ManyQueues
        | HashReport | HashTunnel;
}

/// <summary>Who is at the other end of a network device's wire.</summary>
public abstract class NetworkPeer
{
    /// <summary>A frame arrives from the guest.</summary>
    /// <param name="device">The device that sent it, to answer through.</param>
    /// <param name="frame">The frame without virtio's header; valid during the call.</param>
    public abstract void OnFrame(NetDevice device, ReadOnlySpan<byte> frame);
}

/// <summary>Sends every frame back as it came.</summary>
public sealed class LoopbackPeer : NetworkPeer
{
    /// <inheritdoc/>
    public override void OnFrame(NetDevice device, ReadOnlySpan<byte> frame)
    {
        ArgumentNullException.ThrowIfNull(device);
        device.Receive(frame);
    }
}
