using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio;
using VirtioGuest.Drivers.Virtio.Net;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services;

/// <summary>A virtio network device as an Ethernet link.</summary>
/// <remarks>
/// Each queue has a lock. They are taken in the order receive, the stack's own, transmit: received frames are handed on
/// under the first, and what the stack sends in answer takes the last.
/// </remarks>
internal sealed class VirtioLink : EthernetLink
{
    private const int Batch = 64;
    private const int MacLength = 6;

    private readonly Lock _receiveGate = new();
    private readonly Lock _transmitGate = new();
    private readonly VirtioNet _device;
    private FrameReceiver? _receiver;
    private bool _isGone;

    private VirtioLink(VirtioNet device)
    {
        _device = device;
        Span<byte> address = stackalloc byte[MacLength];
        for (int index = 0; index < MacLength; index++)
        {
            address[index] = (byte)(device.MacAddress >> ((MacLength - 1 - index) * 8));
        }

        Address = new MacAddress(address);
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device => _device;

    /// <inheritdoc/>
    public override MacAddress Address { get; }

    /// <inheritdoc/>
    public override int Mtu => _device.Mtu;

    /// <inheritdoc/>
    public override bool IsUp => _device.IsLinkUp && _device.State == DeviceState.Running;

    /// <summary>Brings a device up as a link.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="failure">Why it cannot be, as the end of a sentence that starts with the device.</param>
    public static VirtioLink? TryCreate(VirtioTransport transport, string name, out string failure)
    {
        var events = new Events();
        var device = new VirtioNet(transport, name, events);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        if (device.Mtu < NetworkStack.MinimumMtu)
        {
            device.Stop();
            failure = "has an MTU too small for IPv4";
            return null;
        }

        var link = new VirtioLink(device);
        events.Attach(link);
        return link;
    }

    /// <summary>Names the stack that received frames go to. Comes once.</summary>
    public void Connect(NetworkStack stack)
    {
        lock (_receiveGate)
        {
            _receiver = new FrameReceiver(stack, VirtioNet.EthernetHeaderLength + Mtu);
        }

        // What came before has raised its interrupt in vain.
        Receive();
    }

    /// <inheritdoc/>
    public override bool TrySend(ReadOnlySpan<byte> frame)
    {
        lock (_transmitGate)
        {
            if (_device.TryTransmit(frame) != TransmitStatus.Ok)
            {
                return false;
            }

            _device.NotifyTransmit();
            return true;
        }
    }

    private void OnUsedBuffers(ushort queueIndex)
    {
        if (queueIndex == VirtioNet.ReceiveQueueIndex)
        {
            Receive();
        }
        else
        {
            lock (_transmitGate)
            {
                _device.ReclaimTransmitted();
            }
        }

        GiveUpIfBroken();
    }

    private void Receive()
    {
        bool hasMore = true;
        while (hasMore)
        {
            lock (_receiveGate)
            {
                if (_isGone || _receiver is null)
                {
                    return;
                }

                _device.DisableReceiveInterrupts();
                hasMore = _device.Receive(_receiver, Batch) == Batch || _device.EnableReceiveInterrupts();
            }
        }
    }

    private void GiveUpIfBroken()
    {
        if (_device.State != DeviceState.NeedsReset)
        {
            return;
        }

        lock (_receiveGate)
        {
            lock (_transmitGate)
            {
                if (!_isGone)
                {
                    _isGone = true;
                    _device.Stop();
                }
            }
        }
    }

    /// <summary>Copies frames out of the device's reach before the stack looks at them.</summary>
    private sealed class FrameReceiver : FrameSink
    {
        private readonly NetworkStack _stack;
        private readonly byte[] _frame;

        /// <summary>Creates a receiver for frames up to a length in bytes; longer ones are not for us.</summary>
        public FrameReceiver(NetworkStack stack, int maximumLength)
        {
            _stack = stack;
            _frame = new byte[maximumLength];
        }

        /// <inheritdoc/>
        public override void OnFrame(ReadOnlySpan<byte> frame)
        {
            if (frame.Length <= _frame.Length)
            {
                frame.CopyTo(_frame);
                _stack.OnFrame(_frame.AsSpan(0, frame.Length));
            }
        }
    }

    /// <summary>
    /// Leads interrupts to the link, which is created after the device that wants to know whom they reach.
    /// </summary>
    private sealed class Events : DeviceEventSink
    {
        private VirtioLink? _link;

        /// <summary>Names the link.</summary>
        public void Attach(VirtioLink link) => Volatile.Write(ref _link, link);

        /// <inheritdoc/>
        public override void OnUsedBuffers(ushort queueIndex) => Volatile.Read(ref _link)?.OnUsedBuffers(queueIndex);

        /// <inheritdoc/>
        public override void OnConfigurationChange() => Volatile.Read(ref _link)?.GiveUpIfBroken();
    }
}
