using System;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>Owns a network card.</summary>
internal sealed class HostileCardOwner : HostileOwner
{
    /// <summary>How many frames one call takes at most.</summary>
    private const int Batch = 4;

    private readonly VirtioNet _driver;
    private readonly Frames _frames = new Frames();
    private readonly byte[] _frame = new byte[1514];

    public HostileCardOwner(HostileBench bench, VirtioTransport transport, bool expectsNoAllocation)
        : base(bench, expectsNoAllocation)
    {
        NetOptions options = bench.Random.Chance(60)
            ? new NetOptions((NetUses)bench.Random.Below((int)NetUses.All + 1), 1 + bench.Random.Below(4))
            : NetOptions.Plain;
        _driver = new VirtioNet(transport, "net0", this, options);
    }

    public override VirtioDevice Driver => _driver;

    public override void TakeAllBack()
    {
        BrokenPromiseException.Unless(_driver.Receive(_frames, Batch) == 0, "nothing is received from a stopped card");
        BrokenPromiseException.Unless(
            _driver.TryTransmit(_frame.AsSpan(0, 60)) == TransmitStatus.NotRunning, "a stopped card sends nothing");
    }

    public override void Disturb()
    {
        BrokenPromiseException.Unless(
            (_driver.MacAddress >> 40 & 1) == 0 || _driver.State != DeviceState.Running,
            "the address is one station's");
        BrokenPromiseException.Unless(
            _driver.Mtu >= 68 || _driver.State != DeviceState.Running, "the MTU is one that the specification allows");
    }

    protected override void Submit(int what)
    {
        switch (what)
        {
            case < 35:
                _driver.TryTransmit(_frame.AsSpan(0, Bench.Random.Below(_frame.Length)));
                break;
            case < 37:
                ushort outer = (ushort)Bench.Random.Below(100);
                _driver.TryTransmit(
                    _frame.AsSpan(0, Bench.Random.Below(_frame.Length)),
                    new TransmitOffload(
                        (ushort)Bench.Random.Below(200),
                        16,
                        Bench.Random.Chance(50) ? SegmentKind.Tcp4 : SegmentKind.Udp,
                        (ushort)Bench.Random.Below(300),
                        99,
                        tunnel: new UdpTunnel(
                            outer, (ushort)Bench.Random.Below(200), isInnerIPv6: false, Bench.Random.Chance(50)),
                        outerNetwork: (ushort)Bench.Random.Below(50)));
                break;
            case < 40:
                _driver.TryTransmit(
                    _frame.AsSpan(0, Bench.Random.Below(_frame.Length)),
                    new TransmitOffload(34, 16, Bench.Random.Chance(50) ? SegmentKind.Tcp4 : SegmentKind.None, 54, 99));
                break;
            case < 43:
                _driver.Control.TrySetVlan(Bench.Random.Below(4096), Bench.Random.Chance(50));
                break;
            case < 45:
                _driver.Control.TrySetModes((ReceiveModes)Bench.Random.Below(64), Bench.Random.Chance(50));
                break;
            case < 60:
                _driver.NotifyTransmit();
                break;
            case < 80:
                int count = _driver.Receive(_frames, Batch);
                BrokenPromiseException.Unless(count is >= 0 and <= Batch, "no more is received than was asked for");
                break;
            case < 87:
                _driver.ReclaimTransmitted();
                break;
            case < 94:
                _driver.EnableReceiveInterrupts();
                break;
            default:
                _driver.DisableReceiveInterrupts();
                break;
        }
    }

    protected override void Serve()
    {
        _driver.Receive(_frames, Batch);
        _driver.ReclaimTransmitted();
        _driver.EnableReceiveInterrupts();
    }

    /// <summary>Looks at every byte that a driver hands on.</summary>
    private sealed class Frames : FrameSink
    {
        private int _sum;

        public override void OnFrame(ReadOnlySpan<byte> frame)
        {
            BrokenPromiseException.Unless(frame.Length >= VirtioNet.EthernetHeaderLength, "a frame has its header");
            foreach (byte value in frame)
            {
                _sum += value;
            }
        }

        public override void OnFrame(ReadOnlySpan<byte> frame, in FrameInfo info)
        {
            BrokenPromiseException.Unless(info.OuterNetwork < frame.Length, "a network header is in its frame");
            BrokenPromiseException.Unless(info.Tunnel.OuterTransport < frame.Length, "a tunnel is in its frame");
            BrokenPromiseException.Unless(info.Tunnel.InnerNetwork < frame.Length, "what is in a tunnel is, too");
            OnFrame(frame);
        }
    }
}
