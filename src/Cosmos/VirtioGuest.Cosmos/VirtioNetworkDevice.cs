using Cosmos.HAL;
using Cosmos.HAL.Network;
using VirtioGuest.Cosmos.Net;

namespace VirtioGuest.Cosmos;

/// <summary>
/// A virtio network card for Cosmos' network stack. Made by <see cref="VirtioDrivers.Register()"/>.
/// </summary>
/// <remarks>
/// <see cref="CardAccess"/> says what calls do. Received frames go to <see cref="NetworkDevice.DataReceived"/> in the
/// interrupt, as with Cosmos' own cards. As long as that is null, the first 64 wait in a queue.
/// </remarks>
public sealed class VirtioNetworkDevice : NetworkDevice
{
    private readonly MACAddress _address;

    internal VirtioNetworkDevice(CardAccess card, string nameId)
    {
        Card = card;
        NameID = nameId;
        _address = new MACAddress(card.ReadMacAddress());
        card.Listener = new Receiver(this);
    }

    /// <summary>The card, with what a <see cref="NetworkDevice"/> has no member for.</summary>
    public CardAccess Card { get; }

    /// <inheritdoc/>
    public override CardType CardType => CardType.Ethernet;

    /// <inheritdoc/>
    public override MACAddress MACAddress => _address;

    /// <inheritdoc/>
    public override string Name => "virtio-net";

    /// <inheritdoc/>
    public override bool Ready => Card.IsReady;

    /// <inheritdoc/>
    public override bool QueueBytes(byte[] buffer, int offset, int length) => Card.Send(buffer, offset, length);

    /// <inheritdoc/>
    public override bool ReceiveBytes(byte[] buffer, int offset, int max) => Card.TryCopyFrame(buffer, offset, max);

    /// <inheritdoc/>
    /// <remarks>Null where no frame waits, as with Cosmos' own cards.</remarks>
    public override byte[] ReceivePacket() => Card.TakeFrame()!;

    /// <inheritdoc/>
    public override int BytesAvailable() => Card.NextLength;

    /// <inheritdoc/>
    public override bool Enable() => Card.Enable();

    /// <inheritdoc/>
    public override bool IsSendBufferFull() => Card.IsSendFull;

    /// <inheritdoc/>
    public override bool IsReceiveBufferFull() => Card.IsReceiveFull;

    private sealed class Receiver : FrameListener
    {
        private readonly VirtioNetworkDevice _device;

        internal Receiver(VirtioNetworkDevice device)
        {
            _device = device;
        }

        public override bool TryTake(byte[] frame)
        {
            DataReceivedHandler handler = _device.DataReceived;
            if (handler is null)
            {
                return false;
            }

            handler(frame);
            return true;
        }
    }
}
