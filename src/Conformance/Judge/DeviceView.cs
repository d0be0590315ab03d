using System.Collections.Generic;
using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;

namespace VirtioGuest.Conformance.Judge;

/// <summary>What a source knows of a device before anything happens.</summary>
public sealed record DeviceFacts
{
    /// <summary>Its type (virtio 1.4, 5).</summary>
    public required int DeviceType { get; init; }

    /// <summary>Whether its registers are those of virtio-mmio, and not of a PCI function.</summary>
    public bool IsMmio { get; init; }

    /// <summary>What it offers; null where that is only learned from what the driver reads.</summary>
    public ulong? Offered { get; init; }

    /// <summary>How many MSI-X vectors it has; null where that is not known.</summary>
    public int? Vectors { get; init; }

    /// <summary>How far apart the places for notifications are; null where that is not known.</summary>
    public uint? NotifyMultiplier { get; init; }

    /// <summary>Whether PCI configuration space is seen as well.</summary>
    public bool SeesPci { get; init; }

    /// <summary>The capability that opens a window to the structures, as an offset; 0 for none known.</summary>
    public uint Window { get; init; }

    /// <summary>The capabilities of virtio in configuration space, as offset and length.</summary>
    public IReadOnlyList<(uint Offset, uint Length)> Capabilities { get; init; } = [];

    /// <summary>The structures that they tell of.</summary>
    public IReadOnlyList<PciStructure> Structures { get; init; } = [];

    /// <summary>The MSI-X capability, as an offset; 0 for none known.</summary>
    public uint Msix { get; init; }
}

/// <summary>A structure that a capability tells of (virtio 1.4, 4.1.4).</summary>
/// <param name="Region">What it is.</param>
/// <param name="Bar">Which base address it is behind.</param>
/// <param name="Offset">Where it begins there.</param>
/// <param name="Length">How many bytes it has.</param>
public readonly record struct PciStructure(RegisterRegion Region, int Bar, uint Offset, uint Length)
{
    /// <summary>Whether some bytes lie within it.</summary>
    public bool Holds(int bar, uint offset, uint length) =>
        bar == Bar && offset >= Offset && (ulong)offset + length <= (ulong)Offset + Length;
}

/// <summary>
/// A device as its driver has set it up so far, from nothing but the events: what the rules compare the next step with.
/// </summary>
internal sealed class DeviceView
{
    private const uint CommandOffset = 4;

    private readonly Dictionary<int, QueueView> _queues = new Dictionary<int, QueueView>();
    private uint _deviceFeaturesSelect;
    private ulong _known;

    public DeviceView(DeviceFacts facts)
    {
        Facts = facts;
        Window = new PciWindow(facts);
        Offered = facts.Offered ?? 0;
    }

    public DeviceFacts Facts { get; }

    public bool IsMmio => Facts.IsMmio;

    /// <summary>The way to the structures through configuration space.</summary>
    public PciWindow Window { get; }

    /// <summary>The status as it was last written or read.</summary>
    public byte Status { get; private set; }

    /// <summary>Whether the driver has reset the device at all.</summary>
    public bool WasReset { get; private set; }

    /// <summary>Whether a reset was asked for and status has not read 0 since.</summary>
    public bool IsResetting { get; private set; }

    /// <summary>Which words of the offer the driver has read since the reset, as a mask.</summary>
    public uint OfferRead { get; private set; }

    /// <summary>What is offered, as far as it is known.</summary>
    public ulong Offered { get; private set; }

    /// <summary>What the driver has read of what is offered from bit 64 on.</summary>
    public ulong OfferedHigh { get; private set; }

    /// <summary>Which bits of <see cref="Offered"/> are known.</summary>
    public ulong Known => Facts.Offered is null ? _known : ulong.MaxValue;

    /// <summary>Which word of the driver's features is selected.</summary>
    public uint DriverFeaturesSelect { get; private set; }

    /// <summary>What the driver has accepted so far.</summary>
    public ulong Accepted { get; private set; }

    /// <summary>What the driver has accepted so far of the features from bit 64 on.</summary>
    public ulong AcceptedHigh { get; private set; }

    /// <summary>Whether FEATURES_OK was read back as set.</summary>
    public bool AreFeaturesConfirmed { get; private set; }

    /// <summary>Whether FEATURES_OK was written and then read back as clear.</summary>
    public bool AreFeaturesRefused { get; private set; }

    /// <summary>Whether SUSPEND was read back as set.</summary>
    public bool IsSuspended { get; private set; }

    /// <summary>Which queue is selected.</summary>
    public int QueueSelect { get; private set; }

    /// <summary>Whether MSI-X is enabled.</summary>
    public bool IsMsixEnabled { get; private set; }

    /// <summary>The command register of the PCI function, as it was last written.</summary>
    public ushort? Command { get; private set; }

    /// <summary>How many queues the device has; null where the driver never asked.</summary>
    public int? QueueCount { get; private set; }

    public bool IsLive => (Status & StatusBit.DriverOk) != 0;

    public bool IsPacked => Has(FeatureBit.RingPacked);

    /// <summary>The queue that is selected.</summary>
    public QueueView Selected => Queue(QueueSelect);

    public IEnumerable<QueueView> Queues => _queues.Values;

    public bool Has(ulong feature) => (Accepted & feature) == feature;

    public QueueView Queue(int index)
    {
        if (!_queues.TryGetValue(index, out QueueView? queue))
        {
            queue = new QueueView(index);
            _queues.Add(index, queue);
        }

        return queue;
    }

    public void Apply(Access access)
    {
        if (access.Region == RegisterRegion.Pci)
        {
            ApplyPci(access);
        }
        else if (access.IsExact && (access.IsWrite ? access.CanWrite : access.CanRead))
        {
            if (access.IsWrite)
            {
                ApplyWrite(access);
            }
            else
            {
                ApplyRead(access);
            }
        }
        else if (!access.IsWrite && access.Register == Register.DeviceFeatures)
        {
            // Read in pieces, which is another mistake: what was read is known all the same.
            ApplyOffer(access.Value, access.Width, (int)(access.Offset % 4));
        }
    }

    /// <summary>Takes over what a driver has come to, by whatever way.</summary>
    public void Apply(BecameLive live)
    {
        Reset();
        IsResetting = false;
        Accepted = live.Accepted;
        Status = StatusBit.Acknowledge | StatusBit.Driver | StatusBit.FeaturesOk | StatusBit.DriverOk;
    }

    private void ApplyPci(Access access)
    {
        if (!access.IsWrite)
        {
            return;
        }

        Window.Apply(access.Event);

        if (access.Offset == CommandOffset)
        {
            Command = (ushort)access.Value;
        }
        else if (Facts.Msix != 0 && access.Offset == Facts.Msix + 2)
        {
            IsMsixEnabled = (access.Value & 0x8000) != 0;
        }
        else if (Facts.Msix != 0 && access.Offset == Facts.Msix)
        {
            IsMsixEnabled = (access.Value & 0x8000_0000) != 0;
        }
    }

    private void ApplyWrite(Access access)
    {
        switch (access.Register)
        {
            case Register.DeviceFeaturesSelect:
                _deviceFeaturesSelect = access.Value;
                break;
            case Register.DriverFeaturesSelect:
                DriverFeaturesSelect = access.Value;
                break;
            case Register.DriverFeatures when (Status & StatusBit.FeaturesOk) == 0:
                if (DriverFeaturesSelect < 2)
                {
                    Accepted = Replace(Accepted, DriverFeaturesSelect, access.Value);
                }
                else if (DriverFeaturesSelect < 4)
                {
                    AcceptedHigh = Replace(AcceptedHigh, DriverFeaturesSelect - 2, access.Value);
                }

                break;
            case Register.Status when (byte)access.Value == 0:
                Reset();
                break;
            case Register.Status:
                Status = (byte)access.Value;
                IsResetting = false;
                IsSuspended &= (Status & StatusBit.DriverOk) == 0;
                break;
            case Register.QueueSelect:
                QueueSelect = (int)(access.Value & 0xFFFF);
                break;
            default:
                Selected.ApplyWrite(access, IsMmio);
                break;
        }
    }

    private void ApplyRead(Access access)
    {
        switch (access.Register)
        {
            case Register.DeviceFeatures:
                ApplyOffer(access.Value, access.Width, 0);
                break;
            case Register.QueueCount:
                QueueCount = (int)access.Value;
                break;
            case Register.Status:
                ApplyStatus((byte)access.Value);
                break;
            default:
                Selected.ApplyRead(access);
                break;
        }
    }

    private void ApplyOffer(uint value, int width, int offset)
    {
        if (_deviceFeaturesSelect >= 2)
        {
            if (_deviceFeaturesSelect < 4 && offset == 0 && width == 4)
            {
                OfferRead |= 1u << (int)_deviceFeaturesSelect;
                OfferedHigh = Replace(OfferedHigh, _deviceFeaturesSelect - 2, value);
            }

            return;
        }

        int shift = (int)(32 * _deviceFeaturesSelect) + (8 * offset);
        ulong mask = ((1UL << (8 * width)) - 1) << shift;
        OfferRead |= 1u << (int)_deviceFeaturesSelect;
        _known |= mask;
        Offered = Facts.Offered ?? ((Offered & ~mask) | (((ulong)value << shift) & mask));
    }

    /// <summary>Features of which a word was told anew.</summary>
    private static ulong Replace(ulong features, uint word, uint value)
    {
        int shift = 32 * (int)word;
        return (features & ~((ulong)uint.MaxValue << shift)) | ((ulong)value << shift);
    }

    private void ApplyStatus(byte value)
    {
        if (IsResetting)
        {
            IsResetting = value != 0;
            return;
        }

        bool wasAsked = (Status & StatusBit.FeaturesOk) != 0;
        AreFeaturesConfirmed |= wasAsked && (value & StatusBit.FeaturesOk) != 0;
        AreFeaturesRefused |= wasAsked && (value & StatusBit.FeaturesOk) == 0;
        IsSuspended = (value & (StatusBit.Suspend | StatusBit.DriverOk)) == StatusBit.Suspend;
        Status = value;
    }

    private void Reset()
    {
        Status = 0;
        WasReset = true;
        IsResetting = true;
        OfferRead = 0;
        _known = 0;
        Offered = Facts.Offered ?? 0;
        Accepted = 0;
        (OfferedHigh, AcceptedHigh) = (0, 0);
        AreFeaturesConfirmed = false;
        AreFeaturesRefused = false;
        IsSuspended = false;
        _deviceFeaturesSelect = 0;
        DriverFeaturesSelect = 0;
        QueueSelect = 0;
        _queues.Clear();
    }
}

/// <summary>A queue as its driver has set it up so far.</summary>
internal sealed class QueueView
{
    public const ushort NoVector = 0xFFFF;

    private readonly ulong[] _addresses = new ulong[3];

    public QueueView(int index)
    {
        Index = index;
    }

    public int Index { get; }

    /// <summary>The largest size, as the device told it; null where the driver did not look.</summary>
    public uint? Largest { get; private set; }

    /// <summary>Its size as it was last read or written.</summary>
    public uint Size { get; private set; }

    public ulong Descriptors => _addresses[0];

    public ulong DriverArea => _addresses[1];

    public ulong DeviceArea => _addresses[2];

    /// <summary>Which of its three addresses were written since it was last reset, as a mask.</summary>
    public uint AddressesWritten { get; private set; }

    public bool IsEnabled { get; private set; }

    /// <summary>Whether it was reset alone, by RING_RESET.</summary>
    public bool WasReset { get; private set; }

    /// <summary>Whether it is being reset and that was not read to be over.</summary>
    public bool IsResetting { get; private set; }

    /// <summary>The vector that the driver asked for; null for none yet.</summary>
    public ushort? Vector { get; private set; }

    /// <summary>Whether the vector was read back.</summary>
    public bool IsVectorRead { get; private set; }

    /// <summary>What the device tells of its place for notifications; null where the driver did not look.</summary>
    public uint? NotifyOffset { get; private set; }

    /// <summary>What the device calls it; null where the driver did not look.</summary>
    public uint? NotificationData { get; private set; }

    public void ApplyWrite(Access access, bool isMmio)
    {
        switch (access.Register)
        {
            case Register.QueueSize:
                Size = access.Value;
                break;
            case Register.QueueVector:
                Vector = (ushort)access.Value;
                IsVectorRead = false;
                break;
            case Register.QueueEnable:
                IsEnabled = access.Value != 0;
                break;
            case Register.QueueAddress:
                uint part = isMmio ? (access.Offset - 0x80) / 0x10 : (access.Offset - 0x20) / 8;
                bool isHigh = (access.Offset & 4) != 0;
                _addresses[part] = isHigh
                    ? (_addresses[part] & uint.MaxValue) | ((ulong)access.Value << 32)
                    : (_addresses[part] & ~(ulong)uint.MaxValue) | access.Value;
                AddressesWritten |= 1u << (int)part;
                break;
            case Register.QueueReset when access.Value == 1:
                IsEnabled = false;
                WasReset = true;
                IsResetting = true;
                AddressesWritten = 0;
                break;
            default:
                break;
        }
    }

    public void ApplyRead(Access access)
    {
        switch (access.Register)
        {
            case Register.QueueSizeMaximum:
                Largest = access.Value;
                Size = Size == 0 ? access.Value : Size;
                break;
            case Register.QueueSize:
                Largest ??= access.Value;
                Size = access.Value;
                break;
            case Register.QueueVector:
                IsVectorRead = true;
                break;
            case Register.QueueReset:
                IsResetting &= access.Value != 0;
                break;
            case Register.QueueNotifyOffset:
                NotifyOffset = access.Value;
                break;
            case Register.QueueNotificationData:
                NotificationData = access.Value;
                break;
            default:
                break;
        }
    }
}
