using System;
using System.Threading;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;
using VirtioGuest.Net;

namespace VirtioGuest.Kernel.Services;

/// <summary>A virtio network device as an Ethernet link.</summary>
/// <remarks>
/// <para>
/// Each queue has a lock. They are taken in the order receive, the stack's own, transmit: received frames are handed on
/// under the first, and what the stack sends in answer takes the last.
/// </para>
/// <para>
/// A device that asks for a reset or breaks the rules is reset and brought up again. Frames that it had are lost, as
/// frames may be; the stack above keeps its address and its lease, because the station is the same as before.
/// </para>
/// <para>
/// Whatever touches the device leaves through <see cref="Serve"/>, which looks after it, or schedules that where the
/// stack's lock is held (<see cref="TrySend"/>). So a device in trouble always has somebody who brings it up again.
/// </para>
/// </remarks>
internal sealed class VirtioLink : EthernetLink
{
    private const int Batch = 64;
    private const int MacLength = 6;

    private readonly Lock _receiveGate = new();
    private readonly Lock _transmitGate = new();
    private readonly VirtioNet _device;
    private readonly DeviceRecovery _recovery;
    private readonly ulong _address;
    private FrameReceiver? _receiver;
    private bool _isGone;

    private VirtioLink(VirtioNet device)
    {
        _device = device;
        _recovery = new DeviceRecovery(device);
        _address = device.MacAddress;
        Span<byte> address = stackalloc byte[MacLength];
        for (int index = 0; index < MacLength; index++)
        {
            address[index] = (byte)(_address >> ((MacLength - 1 - index) * 8));
        }

        Address = new MacAddress(address);
        Mtu = device.Mtu;
    }

    /// <summary>The device.</summary>
    public VirtioDevice Device => _device;

    /// <inheritdoc/>
    public override MacAddress Address { get; }

    /// <inheritdoc/>
    public override int Mtu { get; }

    /// <inheritdoc/>
    public override bool IsUp => _device.IsLinkUp && _device.State == DeviceState.Running;

    /// <summary>
    /// Does work that must not be done where it is found, soon and on another thread: the thread pool, unless a test
    /// wants to choose the moment.
    /// </summary>
    public Action<Action> Elsewhere { get; set; } =
        static work => ThreadPool.UnsafeQueueUserWorkItem(static due => due(), work, preferLocal: false);

    /// <summary>Brings a device up as a link.</summary>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it will be called.</param>
    /// <param name="failure">Why it cannot be.</param>
    public static VirtioLink? TryCreate(VirtioTransport transport, string name, out Failure? failure)
    {
        var events = new OwnerEvents();
        var device = new VirtioNet(transport, name, events);
        if (!device.TryStart(out failure))
        {
            return null;
        }

        if (device.Mtu < NetworkStack.MinimumMtu)
        {
            device.Stop();
            failure = new Failure("has an MTU too small for IPv4");
            return null;
        }

        var link = new VirtioLink(device);
        events.Attach(link.OnUsedBuffers, link.OnConfigurationChange);

        // What changed before the link was there to be told: the device may have answered its first notification with
        // trouble.
        link.OnConfigurationChange();
        return link;
    }

    /// <summary>Ends the link's life because its device is about to be taken out, or has been.</summary>
    public void Remove()
    {
        lock (_receiveGate)
        {
            lock (_transmitGate)
            {
                _isGone = true;
                _device.Stop();
            }
        }
    }

    /// <summary>Names the stack that received frames go to. Comes once.</summary>
    public void Connect(NetworkStack stack)
    {
        lock (_receiveGate)
        {
            _receiver = new FrameReceiver(stack, VirtioNet.EthernetHeaderLength + VirtioNet.TagLength + Mtu);
        }

        // What came before has raised its interrupt in vain.
        Serve();
    }

    /// <inheritdoc/>
    public override bool TrySend(ReadOnlySpan<byte> frame)
    {
        bool isTaken;
        bool isInTrouble;
        lock (_transmitGate)
        {
            isTaken = _device.TryTransmit(frame) == TransmitStatus.Ok;
            if (isTaken)
            {
                _device.NotifyTransmit();
            }

            isInTrouble = _device.State == DeviceState.NeedsReset;
        }

        if (isInTrouble)
        {
            // Not here: the stack's lock is held, and no interrupt need follow.
            Elsewhere(Serve);
        }

        return isTaken;
    }

    private void OnUsedBuffers(ushort queueIndex)
    {
        if (queueIndex == VirtioNet.TransmitQueueIndex)
        {
            lock (_transmitGate)
            {
                _device.ReclaimTransmitted();
            }
        }

        Serve();
    }

    private void OnConfigurationChange()
    {
        lock (_receiveGate)
        {
            lock (_transmitGate)
            {
                _device.ObserveChange();
            }
        }

        Serve();
    }

    /// <summary>Takes what the device has received, and brings it up again where it is in trouble.</summary>
    private void Serve()
    {
        do
        {
            Receive();
        }
        while (TryRecover());
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

    /// <summary>Brings the device up again where it is in trouble.</summary>
    /// <returns>Whether it did, and has to be looked at again: there is no interrupt for what came meanwhile.</returns>
    private bool TryRecover()
    {
        if (_device.State != DeviceState.NeedsReset)
        {
            return false;
        }

        lock (_receiveGate)
        {
            lock (_transmitGate)
            {
                // Another thread may have come first.
                if (_isGone || _device.State != DeviceState.NeedsReset)
                {
                    return false;
                }

                _device.Stop();
                _isGone = !_recovery.TryRestart() || !IsTheSame();
                return !_isGone;
            }
        }
    }

    /// <summary>Whether the device is what those above the link took it for.</summary>
    private bool IsTheSame()
    {
        bool isSame = _device.MacAddress == _address && _device.Mtu >= Mtu;
        if (!isSame)
        {
            _recovery.GiveUp(new Failure("has another address or a smaller MTU than before"));
        }

        return isSame;
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
}
