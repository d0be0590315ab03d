using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using VirtioGuest.Devices.Memory;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Devices.Net;

/// <summary>A network device with one queue pair and no offloads (virtio 1.4, 5.1).</summary>
/// <remarks>
/// Frames for the guest wait until it provides buffers. With MRG_RXBUF a frame goes into as many buffers as it needs,
/// which are used together; without it, one that does not fit its buffer is dropped and the buffer kept for the next.
/// </remarks>
public sealed class NetDevice : VirtioDeviceModel
{
    /// <summary>The size of the header before each frame (virtio 1.4, 5.1.6).</summary>
    public const int HeaderLength = 12;

    /// <summary>The queue on which the guest receives.</summary>
    public const int ReceiveQueue = 0;

    /// <summary>The queue on which the guest transmits.</summary>
    public const int TransmitQueue = 1;

    /// <summary>The size of the configuration space, as far as the model has its fields (virtio 1.4, 5.1.4).</summary>
    public const int ConfigurationSize = 12;

    private const int StatusField = 6;
    private const int BufferCountField = 10;
    private const ushort LinkUp = 1;
    private const ulong LargestFrame = 65550;
    private const uint UsualBuffer = 1526;

    private readonly Queue<byte[]> _arriving = new Queue<byte[]>();
    private readonly List<DeviceChain> _gathered = new List<DeviceChain>();
    private readonly List<FinishedBuffer> _finished = new List<FinishedBuffer>();
    private readonly List<byte[]> _sent = new List<byte[]>();

    /// <summary>Creates a device whose link is up.</summary>
    /// <param name="memory">The guest's memory.</param>
    /// <param name="mac">Its address, 6 bytes.</param>
    /// <param name="mtu">The largest payload that the driver is told.</param>
    /// <param name="configurationLength">
    /// After how many bytes its configuration space ends, 0 to <see cref="ConfigurationSize"/>: short of a field that
    /// it offers the feature of, or of all fields, is a fault.
    /// </param>
    public NetDevice(
        GuestMemory memory,
        ReadOnlySpan<byte> mac,
        ushort mtu = 1500,
        int configurationLength = ConfigurationSize)
        : base(1, 2, configurationLength, memory)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(mac.Length, 6);
        OfferedFeatures |= NetFeature.Mac | NetFeature.Mtu | NetFeature.Status;
        Span<byte> fields = stackalloc byte[ConfigurationSize];
        mac.CopyTo(fields);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[StatusField..], LinkUp);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[8..], 1);
        BinaryPrimitives.WriteUInt16LittleEndian(fields[10..], mtu);
        fields[..configurationLength].CopyTo(ConfigurationStore);
    }

    /// <summary>Who is on the wire; null for nobody.</summary>
    public NetworkPeer? Peer { get; set; }

    /// <summary>
    /// Whether a driver is found out whose buffers are not one element each, those to receive into of at least 1526
    /// bytes (virtio 1.4, 5.1.6.3.1): what simple devices take for granted, although any layout is allowed.
    /// </summary>
    public bool ExpectsUsualLayout { get; set; }

    /// <summary>Whether a frame that finds no buffer is dropped; it waits otherwise.</summary>
    public bool DropsWithoutBuffer { get; set; }

    /// <summary>The frames that the guest sent, without headers.</summary>
    public IReadOnlyList<byte[]> SentFrames => _sent;

    /// <summary>How many frames wait for buffers.</summary>
    public int Waiting => _arriving.Count;

    /// <summary>How many frames were too large for the guest's buffers, or found none.</summary>
    public int Dropped { get; private set; }

    /// <summary>Whether the link is up; a change is told to the driver.</summary>
    public bool IsLinkUp
    {
        get => (Configuration[StatusField] & LinkUp) != 0;
        set => ChangeConfiguration(() => ConfigurationStore[StatusField] = (byte)(value ? LinkUp : 0));
    }

    /// <inheritdoc/>
    protected override ulong TypeFeatures =>
        NetFeature.Mtu | NetFeature.Mac | NetFeature.MergeableBuffers | NetFeature.Status;

    /// <summary>Puts a frame on the wire to the guest, which gets it when the device is stepped.</summary>
    public void Receive(ReadOnlySpan<byte> frame)
    {
        _arriving.Enqueue(frame.ToArray());
        Wake(Queues[ReceiveQueue]);
    }

    /// <inheritdoc/>
    protected override bool Serve(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return queue.Index == ReceiveQueue ? Deliver(queue) : Transmit(queue);
    }

    /// <inheritdoc/>
    protected override bool WantsBuffers(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        return queue.Index != ReceiveQueue || _arriving.Count != 0;
    }

    /// <inheritdoc/>
    protected override void OnReset()
    {
        _gathered.Clear();
        _arriving.Clear();
    }

    /// <inheritdoc/>
    protected override void OnQueueReset(ModelQueue queue)
    {
        ArgumentNullException.ThrowIfNull(queue);
        if (queue.Index == ReceiveQueue)
        {
            _gathered.Clear();
        }
    }

    /// <inheritdoc/>
    protected override void OnSuspend()
    {
        for (int i = _gathered.Count - 1; i >= 0; i--)
        {
            Queues[ReceiveQueue].Ring!.Unpop(_gathered[i]);
        }

        _gathered.Clear();
    }

    private bool Transmit(ModelQueue queue)
    {
        if (queue.Ring?.TryPop() is not DeviceChain chain)
        {
            return false;
        }

        ulong length = chain.ReadableLength;
        if (length < HeaderLength || length > LargestFrame || chain.WritableLength != 0)
        {
            Report(DriverRule.RequestForm, $"a frame to send has {length} + {chain.WritableLength} bytes");
            SetNeedsReset("a frame to send has the wrong form");
            return true;
        }

        CheckLayout(chain, 1);
        byte[] bytes = new byte[length];
        chain.TryRead(0, bytes);
        if (bytes.AsSpan(0, HeaderLength).ContainsAnyExcept((byte)0))
        {
            // Flags, segmentation and checksum places are 0 without the offloads, and so is the number of buffers
            // (virtio 1.4, 5.1.6.2.1).
            Report(DriverRule.RequestForm, "the header of a frame asks for an offload");
        }

        byte[] frame = bytes[HeaderLength..];
        _sent.Add(frame);
        queue.Finish(chain, 0);
        Peer?.OnFrame(this, frame);
        return true;
    }

    private bool Deliver(ModelQueue queue)
    {
        if (_arriving.Count == 0)
        {
            return false;
        }

        byte[] frame = _arriving.Peek();
        ulong length = (ulong)(HeaderLength + frame.Length);
        bool isMergeable = (DriverFeatures & NetFeature.MergeableBuffers) != 0;
        if (!Gather(queue.Ring!, isMergeable ? length : 1))
        {
            if (DropsWithoutBuffer)
            {
                _arriving.Dequeue();
                Dropped++;
            }

            return DropsWithoutBuffer;
        }

        _arriving.Dequeue();
        if (Room() < length)
        {
            Dropped++;
            return true;
        }

        Spread(frame, (ushort)_gathered.Count);
        queue.Finish(_finished);
        _finished.Clear();
        _gathered.Clear();
        return true;
    }

    /// <summary>Takes buffers until there is room.</summary>
    private bool Gather(DeviceQueue ring, ulong length)
    {
        while (Room() < length)
        {
            if (ring.TryPop() is not DeviceChain chain)
            {
                return false;
            }

            _gathered.Add(chain);
            CheckLayout(chain, UsualBuffer);
            if (chain.ReadableLength != 0 || (_gathered.Count == 1 && chain.WritableLength < HeaderLength))
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

    private ulong Room()
    {
        ulong room = 0;
        foreach (DeviceChain chain in _gathered)
        {
            room += chain.WritableLength;
        }

        return room;
    }

    private void Spread(byte[] frame, ushort bufferCount)
    {
        byte[] bytes = new byte[HeaderLength + frame.Length];
        BinaryPrimitives.WriteUInt16LittleEndian(bytes.AsSpan(BufferCountField), bufferCount);
        frame.CopyTo(bytes, HeaderLength);
        int at = 0;
        foreach (DeviceChain chain in _gathered)
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
    /// <summary>VIRTIO_NET_F_MTU.</summary>
    public const ulong Mtu = 1UL << 3;

    /// <summary>VIRTIO_NET_F_MAC.</summary>
    public const ulong Mac = 1UL << 5;

    /// <summary>VIRTIO_NET_F_MRG_RXBUF.</summary>
    public const ulong MergeableBuffers = 1UL << 15;

    /// <summary>VIRTIO_NET_F_STATUS.</summary>
    public const ulong Status = 1UL << 16;
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
