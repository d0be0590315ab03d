using System;
using VirtioGuest.Cosmos.Binding;
using VirtioGuest.Cosmos.Machine;
using VirtioGuest.Drivers.Virtio.Devices;
using VirtioGuest.Drivers.Virtio.Devices.Net;
using VirtioGuest.Drivers.Virtio.Transport;

namespace VirtioGuest.Cosmos.Net;

/// <summary>A virtio network card as Cosmos' callers want it: whole frames in arrays, and no call that waits.</summary>
/// <remarks>
/// <para>
/// Calls may come from anywhere, from interrupts that came into another call too: sending is done with interrupts off,
/// and receiving is left to whoever is at it already.
/// </para>
/// <para>
/// A device that breaks the rules or asks for a reset sends and receives nothing more until <see cref="Attend"/> brings
/// it up again, some times, or <see cref="Enable"/>.
/// </para>
/// </remarks>
public sealed class CardAccess
{
    /// <summary>How many buffers are taken from the device in one go.</summary>
    private const int ReceiveBatch = 64;

    /// <summary>How many times that, before what was interrupted goes on; the rest comes with the next poll.</summary>
    private const int MostBatches = 8;

    private readonly FunctionStart _start;
    private readonly VirtioNet _device;
    private readonly FrameQueue _frames = new();
    private readonly Receiver _receiver;
    private readonly CardRecovery _recovery;
    private bool _isReceiving;
    private bool _isLookDue;
    private bool _isSending;
    private bool _isSendFull;
    private bool _hasChange;

    private CardAccess(FunctionStart start, VirtioTransport transport, string name)
    {
        _start = start;
        _receiver = new Receiver(this);
        _device = new VirtioNet(transport, name, new Events(this));
        _recovery = new CardRecovery(this, start.Machine);
    }

    /// <summary>The driver's side of the device.</summary>
    public VirtioNet Device => _device;

    /// <summary>Whether frames can be sent and received.</summary>
    public bool IsReady => _device.State == DeviceState.Running;

    /// <summary>Who takes frames as they come; null to keep them until they are asked for.</summary>
    public FrameListener? Listener { get; set; }

    /// <summary>Whether a frame would not be sent now, because the device has not sent earlier ones.</summary>
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

    /// <summary>Whether frames that come now are dropped, because nobody takes them.</summary>
    public bool IsReceiveFull => _frames.IsFull;

    /// <summary>How many frames were dropped, because nobody took them.</summary>
    public ulong Dropped => _frames.Dropped;

    /// <summary>How many bytes the oldest frame has that was kept; 0 where there is none.</summary>
    public int NextLength
    {
        get
        {
            byte[]? frame = _frames.Peek();
            return frame is null ? 0 : frame.Length;
        }
    }

    /// <summary>The MAC address, as it goes over the wire.</summary>
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
    /// <param name="buffer">What holds it; may be null, which is refused as anything else that is no frame.</param>
    /// <param name="offset">Where it starts.</param>
    /// <param name="length">How many bytes it has, without checksum.</param>
    /// <returns>
    /// Whether the device has it, or will: false where it is none, where the device is full or not running, and where
    /// the call came into another one.
    /// </returns>
    public bool Send(byte[]? buffer, int offset, int length)
    {
        if (buffer is null || offset < 0 || length < 0 || offset > buffer.Length || length > buffer.Length - offset
            || _isSending)
        {
            return false;
        }

        uint interrupts = _start.Platform.DisableInterrupts();
        _isSending = true;
        TransmitStatus status = _device.TryTransmit(new ReadOnlySpan<byte>(buffer, offset, length));
        if (status == TransmitStatus.Ok)
        {
            _device.NotifyTransmit();
        }

        _isSendFull = status == TransmitStatus.Full;
        _isSending = false;
        _start.Platform.RestoreInterrupts(interrupts);
        LookAtChange();
        return status == TransmitStatus.Ok;
    }

    /// <summary>Takes the oldest frame that was kept; null where there is none.</summary>
    public byte[]? TakeFrame() => _frames.Take();

    /// <summary>Copies the oldest frame that was kept, and takes it.</summary>
    /// <param name="buffer">Where it goes.</param>
    /// <param name="offset">Where in that.</param>
    /// <param name="maximum">How many bytes there is room for.</param>
    /// <returns>Whether there was one that fits, and the room is there; if not, it is kept.</returns>
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

    /// <summary>Brings the device up, if it is not.</summary>
    /// <returns>Whether it is up; false too where the call came into another one that uses it.</returns>
    public bool Enable()
    {
        if (IsReady)
        {
            return true;
        }

        return !IsBusy && TryRestart(out _);
    }

    /// <summary>Looks for frames, as an interrupt would.</summary>
    public void Poll()
    {
        // Listeners allocate, and Cosmos' heap turns interrupts on: a timer or a device may come in between, and poll.
        // Whoever finds somebody at it leaves word and goes; what they came for may be newer than the last look.
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
    /// Looks for frames, and brings the device up again where it is in trouble: at most three times in a row, each of
    /// which is told on the console, and so is giving up. For a timer.
    /// </summary>
    public void Attend()
    {
        Poll();
        if (!IsReady && !IsBusy)
        {
            _recovery.Attempt();
        }
    }

    /// <summary>Brings a card up.</summary>
    /// <param name="start">How its function is started.</param>
    /// <param name="transport">The way to it.</param>
    /// <param name="name">What it is called, for example <c>net0</c>.</param>
    /// <param name="failure">Why there is none, as the end of a sentence that starts with the device.</param>
    internal static CardAccess? TryCreate(
        FunctionStart start, VirtioTransport transport, string name, out string failure)
    {
        var card = new CardAccess(start, transport, name);
        return card.TryStart(out failure) ? card : null;
    }

    /// <summary>Resets the device if it has to be, and brings it up; while nobody uses it.</summary>
    /// <param name="failure">Why it is not up, as the end of a sentence that starts with the device.</param>
    internal bool TryRestart(out string failure)
    {
        _isReceiving = true;
        _isSending = true;
        _device.Stop();
        _isReceiving = false;
        _isSending = false;
        failure = "does not confirm a reset";
        return _device.State == DeviceState.Stopped && TryStart(out failure);
    }

    /// <summary>Whether somebody uses the device, whom this call came into.</summary>
    private bool IsBusy => _isReceiving || _isSending;

    private bool TryStart(out string failure)
    {
        // Nobody sends or receives before the device is told that its driver is ready.
        _isReceiving = true;
        _isSending = true;
        _isSendFull = false;
        bool isRunning = _start.TryStart(_device, out failure);
        _isReceiving = false;
        _isSending = false;

        // An interrupt may have come meanwhile that found nobody.
        Poll();
        return isRunning;
    }

    private void Reclaim()
    {
        if (_isSending)
        {
            return;
        }

        uint interrupts = _start.Platform.DisableInterrupts();
        _isSending = true;
        if (_device.ReclaimTransmitted() != 0)
        {
            _isSendFull = false;
        }

        _isSending = false;
        _start.Platform.RestoreInterrupts(interrupts);
        LookAtChange();
    }

    /// <summary>
    /// Has the driver look at what the device has changed, if it has; left to whoever is in the driver meanwhile, and
    /// looks behind that.
    /// </summary>
    private void LookAtChange()
    {
        if (!_hasChange || _isReceiving || _isSending)
        {
            return;
        }

        uint interrupts = _start.Platform.DisableInterrupts();
        _hasChange = false;
        _device.ObserveChange();
        _start.Platform.RestoreInterrupts(interrupts);
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
            // Cosmos has nobody to tell of a link.
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

/// <summary>Who wants received frames as they come.</summary>
public abstract class FrameListener
{
    /// <summary>Takes a frame, in an interrupt. Must not throw.</summary>
    /// <param name="frame">An Ethernet frame without checksum, now the listener's.</param>
    /// <returns>Whether it was taken; if not, it is kept until somebody asks for it.</returns>
    public abstract bool TryTake(byte[] frame);
}

/// <summary>A MAC address as people write it.</summary>
public static class MacText
{
    private const string Digits = "0123456789abcdef";

    /// <summary>Six pairs of digits with colons between them.</summary>
    public static string Of(byte[] address)
    {
        var text = new char[(address.Length * 3) - 1];
        for (int i = 0; i < text.Length; i++)
        {
            int value = address[i / 3];
            text[i] = i % 3 == 0 ? Digits[value >> 4] : i % 3 == 1 ? Digits[value & 15] : ':';
        }

        return new string(text);
    }
}
