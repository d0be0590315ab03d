using System;
using System.Buffers.Binary;
using System.Linq;
using VirtioGuest.Conformance.Models;
using VirtioGuest.Devices;
using VirtioGuest.Devices.Net;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Conform.Own;

/// <summary>The network driver, with all that it can do or with nothing of it.</summary>
internal sealed class OwnCard : OwnMachine
{
    private const int LinkHeader = 14;
    private const int TransportHeader = LinkHeader + 20;
    private const int TcpHeaders = TransportHeader + 20;

    private const int TunnelHeaders = TransportHeader + 8 + 8;

    private const int Tcp6Headers = LinkHeader + 40 + 20;

    private readonly NetDevice _model;
    private readonly OwnCardKind _kind;

    public OwnCard(OwnTransport transport, ulong form, OddDevice? odd, OwnCardKind kind)
        : base(transport, form, odd, $"net {kind}")
    {
        _kind = kind;
        _model = new NetDevice(
            Machine.Memory.GuestMemory,
            [0x52, 0x54, 0, 0x12, 0x34, 0x56],
            1500,
            NetDevice.FullConfigurationSize,
            queuePairs: 2,
            hasControlQueue: true);
        _model.OfferedFeatures = FeatureBit.Version1 | Form | kind switch
        {
            OwnCardKind.Plain => NetFeature.Mac | NetFeature.Mtu | NetFeature.Status,
            OwnCardKind.WithoutMerging =>
                NetFeature.All & ~(NetFeature.Rss | NetFeature.MergeableBuffers | NetFeature.GuestHeaderLength),
            OwnCardKind.WithoutReceiveSideScaling => NetFeature.All & ~NetFeature.Rss,
            _ => NetFeature.All,
        };
        _model.OfferedHighFeatures = kind == OwnCardKind.Full ? NetFeature.AllHigh : 0;
        Prepare(_model, 64);
    }

    protected override VirtioDeviceModel Model => _model;

    protected override VirtioDevice Create(VirtioTransport transport) => new VirtioNet(
        transport,
        "net0",
        Owner,
        _kind == OwnCardKind.Plain ? NetOptions.Plain : new NetOptions(NetUses.All, queuePairs: 2));

    protected override void Work(VirtioDevice driver)
    {
        VirtioNet net = (VirtioNet)driver;
        Frames frames = new();
        for (int round = 0; round < 70; round++)
        {
            Send(net, Tcp(10 + round), default);
            _model.Receive(Tcp(100));
            _model.Run();
            Rest();
            net.Receive(frames, 8);
            net.EnableReceiveInterrupts();
            Rest();
        }

        if (frames.Count == 0)
        {
            throw new WorkFailure("No frame was received.");
        }

        if (_kind != OwnCardKind.Plain)
        {
            const ushort Udp = TransportHeader + 8;
            const ushort Tcp6 = Tcp6Headers - 20;
            Send(net, Tcp(100), new TransmitOffload(TransportHeader, 16));
            Send(net, Tcp(4000), new TransmitOffload(TransportHeader, 16, SegmentKind.Tcp4, TcpHeaders, 1400));
            Send(net, Tcp(4000), new TransmitOffload(TransportHeader, 6, SegmentKind.Udp, Udp, 1400));
            byte[] frame = Tcp(4000);
            frame[Tcp6 + 12] = 5 << 4;
            Send(net, frame, new TransmitOffload(Tcp6, 16, SegmentKind.Tcp6, Tcp6Headers, 1400));
            if (_kind == OwnCardKind.Full)
            {
                Send(net, Tunnelled(Tcp(4000)), new TransmitOffload(
                    TunnelHeaders + TransportHeader,
                    16,
                    SegmentKind.Tcp4,
                    TunnelHeaders + TcpHeaders,
                    1400,
                    tunnel: new UdpTunnel(TransportHeader, TunnelHeaders + LinkHeader, isInnerIPv6: false)));
            }

            Command(net.Control);
        }
    }

    private static void Command(NetControl control)
    {
        ControlStatus[] answers =
        [
            control.TrySetModes(ReceiveModes.Promiscuous, true),
            control.TrySetModes(ReceiveModes.NoMulticast, true),
            control.TrySetModes(ReceiveModes.NoMulticast, false),
            control.TrySetStations([0x5254_0012_3457], [0x0100_5E00_0001]),
            control.TrySetVlan(7, true),
            control.TrySetGuestOffloads(GuestOffloads.Checksum),
            control.TryCoalesce(isTransmit: true, 8, 100),
            control.TryCoalesceQueue(0, 4, 50),
        ];
        if (answers.Any(each => each != ControlStatus.Ok))
        {
            throw new WorkFailure($"Commands were answered with {string.Join(", ", answers)}.");
        }
    }

    private void Send(VirtioNet net, byte[] frame, TransmitOffload offload)
    {
        TransmitStatus status = net.TryTransmit(frame, offload);
        if (status != TransmitStatus.Ok)
        {
            throw new WorkFailure($"A frame of {frame.Length} bytes was not sent: {status}.");
        }

        net.NotifyTransmit();
        Rest();
        net.ReclaimTransmitted();
    }

    /// <summary>A TCP segment over IPv4, as far as anybody looks at it here.</summary>
    private static byte[] Tcp(int length)
    {
        byte[] frame = new byte[TcpHeaders + length];
        new byte[] { 0x52, 0x54, 0, 0x12, 0x34, 0x56, 2, 0, 0, 0, 0, 9, 8, 0, 0x45 }.CopyTo(frame, 0);
        int total = frame.Length - LinkHeader;
        frame[LinkHeader + 2] = (byte)(total >> 8);
        frame[LinkHeader + 3] = (byte)total;
        frame[LinkHeader + 9] = 6;
        frame[TransportHeader + 12] = 5 << 4;
        return frame;
    }

    /// <summary>A frame in a UDP datagram without checksum, behind 8 bytes of a tunnel.</summary>
    private static byte[] Tunnelled(byte[] inner)
    {
        byte[] frame = new byte[TunnelHeaders + inner.Length];
        inner.AsSpan(0, TransportHeader).CopyTo(frame);
        inner.CopyTo(frame, TunnelHeaders);
        int total = frame.Length - LinkHeader;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(LinkHeader + 2), (ushort)total);
        frame[LinkHeader + 9] = 17;
        BinaryPrimitives.WriteUInt16BigEndian(frame.AsSpan(TransportHeader + 4), (ushort)(total - 20));
        return frame;
    }

    private sealed class Frames : FrameSink
    {
        public int Count { get; private set; }

        public override void OnFrame(ReadOnlySpan<byte> frame) => Count++;
    }
}

/// <summary>What a card has, and its driver uses.</summary>
internal enum OwnCardKind
{
    /// <summary>Nothing but frames.</summary>
    Plain = 0,

    /// <summary>Everything.</summary>
    Full = 1,

    /// <summary>Everything but RSS.</summary>
    WithoutReceiveSideScaling = 2,

    /// <summary>No mergeable buffers either, so that each takes the largest frame.</summary>
    WithoutMerging = 3,
}
