using System;
using System.Diagnostics.CodeAnalysis;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;
using VirtioGuest.Hal;

namespace VirtioGuest.Cosmos.Net;

/// <summary>A virtio network card in Cosmos' terms: whole frames in arrays, and no call that waits.</summary>
/// <remarks>
/// <para>
/// Every call may be made from an interrupt handler, even one that has interrupted another call. Sending runs with
/// interrupts off; a call that finds another one receiving leaves the frames to that.
/// </para>
/// <para>
/// A device that breaks the rules or asks for a reset neither sends nor receives until <see cref="Attend"/> or
/// <see cref="Enable"/> starts it again.
/// </para>
/// </remarks>
public sealed class CardAccess
{
    /// <summary>How many buffers are taken from the device at a time.</summary>
    private const int ReceiveBatch = 64;

    /// <summary>How many batches one call takes; what is left waits for the next poll.</summary>
    private const int MostBatches = 8;

    private readonly DeviceFunction _function;
    private readonly VirtioNet _device;
    private readonly FrameQueue _frames = new();
    private readonly Receiver _receiver;
    private readonly CardRecovery _recovery;
    private bool _isReceiving;
    private bool _isLookDue;
    private bool _isSending;
    private bool _isSendFull;
    private bool _hasChange;

    private CardAccess(DeviceFunction function, VirtioTransport transport, string name)
    {
        _function = function;
        _receiver = new Receiver(this);
        _device = new VirtioNet(transport, name, new Events(this));
        _recovery = new CardRecovery(this);
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioNet Device => _device;

    /// <summary>Whether frames can be sent and received.</summary>
    public bool IsReady => _device.State == DeviceState.Running;

    /// <summary>Gets frames as they arrive; null to keep them until they are asked for.</summary>
    public FrameListener? Listener { get; set; }

    /// <summary>Whether the transmit queue is full of frames that the device has not sent yet.</summary>
    public bool IsSendFull
    {
        get
        {
            if (_isSendFull)
            {
                Reclaim();
            }

            return _isSendFull;
        }
    }

    /// <summary>Whether frames that arrive now are dropped, because 64 are waiting to be taken.</summary>
    public bool IsReceiveFull => _frames.IsFull;

    /// <summary>How many frames were dropped because 64 were waiting to be taken.</summary>
    public ulong Dropped => _frames.Dropped;

    /// <summary>The length in bytes of the oldest frame that waits; 0 where there is none.</summary>
    public int NextLength
    {
        get
        {
            byte[]? frame = _frames.Peek();
            return frame is null ? 0 : frame.Length;
        }
    }

    /// <summary>The MAC address: six bytes, in the order in which they go over the wire.</summary>
    public byte[] ReadMacAddress()
    {
        ulong address = _device.MacAddress;
        var bytes = new byte[6];
        for (int i = 0; i < bytes.Length; i++)
        {
            bytes[i] = (byte)(address >> (40 - (8 * i)));
        }

        return bytes;
    }

    /// <summary>Sends a frame.</summary>
    /// <param name="buffer">Holds the frame; null is refused.</param>
    /// <param name="offset">Where the frame starts in the buffer.</param>
    /// <param name="length">Its length in bytes without the checksum: 14 to the MTU and 14.</param>
    /// <returns>
    /// Whether the device was given the frame. False where the range or the length is wrong, where the transmit queue
    /// is full or the device does not run, and where the call has interrupted another one.
    /// </returns>
    public bool Send(byte[]? buffer, int offset, int length)
    {
        if (buffer is null || offset < 0 || length < 0 || offset > buffer.Length || length > buffer.Length - offset
            || _isSending)
        {
            return false;
        }

        uint interrupts = _function.Platform.DisableInterrupts();
        _isSending = true;
        TransmitStatus status = _device.TryTransmit(new ReadOnlySpan<byte>(buffer, offset, length));
        if (status == TransmitStatus.Ok)
        {
            _device.NotifyTransmit();
        }

        _isSendFull = status == TransmitStatus.Full;
        _isSending = false;
        _function.Platform.RestoreInterrupts(interrupts);
        LookAtChange();
        return status == TransmitStatus.Ok;
    }

    /// <summary>Takes the oldest frame that waits; null where there is none.</summary>
    public byte[]? TakeFrame() => _frames.Take();

    /// <summary>Takes the oldest frame that waits, by copying it.</summary>
    /// <param name="buffer">Where the frame goes; null is refused.</param>
    /// <param name="offset">Where it starts in the buffer.</param>
    /// <param name="maximum">The largest length that may be copied, in bytes.</param>
    /// <returns>Whether a frame was copied; one that does not fit goes on waiting.</returns>
    public bool TryCopyFrame(byte[]? buffer, int offset, int maximum)
    {
        byte[]? frame = _frames.Peek();
        if (frame is null || buffer is null || offset < 0 || frame.Length > maximum || offset > buffer.Length
            || frame.Length > buffer.Length - offset)
        {
            return false;
        }

        new ReadOnlySpan<byte>(frame).CopyTo(new Span<byte>(buffer, offset, frame.Length));
        _frames.Take();
        return true;
    }

    /// <summary>Starts the device if it does not run.</summary>
    /// <returns>Whether it runs; false also where the call has interrupted another one.</returns>
    public bool Enable()
    {
        if (IsReady)
        {
            return true;
        }

        return !IsBusy && TryRestart(out _);
    }

    /// <summary>Receives what has arrived, as an interrupt would.</summary>
    public void Poll()
    {
        // Listeners allocate, and Cosmos' heap turns interrupts on, so a timer or a device may poll in between. A call
        // that finds another one receiving leaves a note and returns: its frames may be newer than the last look.
        _isLookDue = true;
        for (int batch = 0; batch < MostBatches && _isLookDue && !_isReceiving; batch++)
        {
            _isReceiving = true;
            _isLookDue = false;
            if (_device.Receive(_receiver, ReceiveBatch) == ReceiveBatch || _device.EnableReceiveInterrupts())
            {
                _isLookDue = true;
            }

            _isReceiving = false;
        }

        LookAtChange();
    }

    /// <summary>
    /// For a timer: receives what has arrived, wakes a device that sleeps over frames to send, and restarts the device
    /// where it is in trouble, at most three times in a row. The console gets a line for each attempt, and one when the
    /// card is given up.
    /// </summary>
    public void Attend()
    {
        Poll();
        LookAfterSent();
        if (!IsReady && !IsBusy)
        {
            _recovery.Attempt();
        }
    }

    /// <param name="function">The card's function.</param>
    /// <param name="transport">The transport on that function.</param>
    /// <param name="name">For example <c>net0</c>.</param>
    /// <param name="failure">Why null is returned.</param>
    internal static CardAccess? TryCreate(
        DeviceFunction function, VirtioTransport transport, string name, out Failure? failure)
    {
        var card = new CardAccess(function, transport, name);
        return card.TryStart(out failure) ? card : null;
    }

    /// <summary>Stops the device and starts it again. Nothing else may be using it.</summary>
    /// <param name="failure">Why it does not run.</param>
    internal bool TryRestart([NotNullWhen(false)] out Failure? failure)
    {
        _isReceiving = true;
        _isSending = true;
        _device.Stop();
        _isReceiving = false;
        _isSending = false;
        failure = new Failure("does not confirm a reset");
        return _device.State == DeviceState.Stopped && TryStart(out failure);
    }

    // Then this call has interrupted one that uses the device.
    private bool IsBusy => _isReceiving || _isSending;

    private bool TryStart([NotNullWhen(false)] out Failure? failure)
    {
        // The rings may not be used before DRIVER_OK (virtio 1.4, 3.1.1).
        _isReceiving = true;
        _isSending = true;
        _isSendFull = false;
        bool isRunning = _function.TryStart(_device, out failure);
        _isReceiving = false;
        _isSending = false;

        // An interrupt in the meantime has received nothing.
        Poll();
        return isRunning;
    }

    private void Reclaim()
    {
        if (_isSending)
        {
            return;
        }

        uint interrupts = _function.Platform.DisableInterrupts();
        _isSending = true;
        if (_device.ReclaimTransmitted() != 0)
        {
            _isSendFull = false;
        }

        _isSending = false;
        _function.Platform.RestoreInterrupts(interrupts);
        LookAtChange();
    }

    private void LookAfterSent()
    {
        if (_isSending)
        {
            return;
        }

        uint interrupts = _function.Platform.DisableInterrupts();
        _isSending = true;
        _isSendFull &= _device.LookAfterTransmitted();
        _isSending = false;
        _function.Platform.RestoreInterrupts(interrupts);
        LookAtChange();
    }

    // Lets the driver read what the device has changed. A call that is using the driver does so when it ends.
    private void LookAtChange()
    {
        if (!_hasChange || _isReceiving || _isSending)
        {
            return;
        }

        uint interrupts = _function.Platform.DisableInterrupts();
        _hasChange = false;
        _device.ObserveChange();
        _function.Platform.RestoreInterrupts(interrupts);
    }

    private sealed class Events : DeviceEventSink
    {
        private readonly CardAccess _card;

        internal Events(CardAccess card)
        {
            _card = card;
        }

        public override void OnUsedBuffers(ushort queueIndex)
        {
            if (queueIndex == VirtioNet.ReceiveQueueIndex)
            {
                _card.Poll();
            }
            else
            {
                _card.Reclaim();
            }
        }

        public override void OnConfigurationChange()
        {
            // The driver keeps the link's state. Cosmos has no member to report it to.
            _card._hasChange = true;
            _card.LookAtChange();
        }
    }

    private sealed class Receiver : FrameSink
    {
        private readonly CardAccess _card;

        internal Receiver(CardAccess card)
        {
            _card = card;
        }

        public override void OnFrame(ReadOnlySpan<byte> frame)
        {
            var copy = new byte[frame.Length];
            frame.CopyTo(new Span<byte>(copy));
            FrameListener? listener = _card.Listener;
            if (listener is null || !listener.TryTake(copy))
            {
                _card._frames.Add(copy);
            }
        }
    }
}

/// <summary>Gets received frames as they arrive.</summary>
public abstract class FrameListener
{
    /// <summary>A frame has arrived. Called in an interrupt; must not throw.</summary>
    /// <param name="frame">An Ethernet frame without checksum. The listener may keep the array.</param>
    /// <returns>Whether the frame was taken; if not, it waits in the card's queue.</returns>
    public abstract bool TryTake(byte[] frame);
}
