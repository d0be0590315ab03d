using VirtioGuest.Conformance.Events;

namespace VirtioGuest.Conformance.Judge;

/// <summary>What is particular to virtio-mmio (virtio 1.4, 4.2).</summary>
internal sealed class MmioRules : RuleSet
{
    private const uint KnownEvents = 3;

    private bool _isMagicRead;
    private bool _isVersionRead;
    private bool _isIdRead;
    private bool _isOfferSelected;
    private bool _isAcceptanceSelected;
    private uint _unacknowledged;

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (access.Region != RegisterRegion.Mmio)
        {
            return;
        }

        OnIdentity(access);
        if (access.Register == Register.Configuration)
        {
            return;
        }

        string place = $"registers+{access.Offset:x}";
        bool isWide = access.Width == 4 && access.Offset % 4 == 0;
        Expect("drv.mmio.4", isWide, place, $"a register was accessed with {8 * access.Width} bits");
        if (!isWide)
        {
            return;
        }

        Expect("drv.mmio.1", access.Register != Register.None, place, $"there is no register at {access.Offset:x}");
        if (access.Register == Register.None)
        {
            return;
        }

        if (access.IsWrite)
        {
            Expect("drv.mmio.2", access.CanWrite, place, $"{access.Register} was written");
            OnWrite(access);
        }
        else
        {
            Expect("drv.mmio.3", access.CanRead, place, $"{access.Register} was read");
            OnRead(access);
        }
    }

    /// <inheritdoc/>
    public override void OnRest()
    {
        if (_unacknowledged != 0)
        {
            Expect("drv.mmio.19", false, "InterruptACK", $"events {_unacknowledged:x} were read and not acknowledged");
            _unacknowledged = 0;
        }
    }

    private void OnIdentity(Access access)
    {
        bool isFirst = !_isIdRead;
        _isMagicRead |= access.Register == Register.Magic;
        _isVersionRead |= access.Register == Register.Version;
        _isIdRead |= access.Register == Register.DeviceId;
        if (!isFirst || access.Register is Register.Magic or Register.Version or Register.VendorId)
        {
            return;
        }

        bool isKnown = _isMagicRead && _isVersionRead;
        string place = $"registers+{access.Offset:x}";
        Expect("drv.mmio.24", isKnown, place, $"{access.Register} was accessed before magic and version were read");
        if (isKnown)
        {
            Expect("drv.mmio.25", _isIdRead, place, $"{access.Register} was accessed before the device ID was read");
        }

        _isIdRead = true;
    }

    private void OnWrite(Access access)
    {
        switch (access.Register)
        {
            case Register.DeviceFeaturesSelect:
                _isOfferSelected = true;
                break;
            case Register.DriverFeaturesSelect:
                _isAcceptanceSelected = true;
                break;
            case Register.DriverFeatures:
                Expect("drv.mmio.13", _isAcceptanceSelected, "DriverFeatures", $"no word was selected before");
                break;
            case Register.InterruptAcknowledge:
                bool isKnown = (access.Value & ~KnownEvents) == 0;
                Expect("drv.mmio.20", isKnown, "InterruptACK", $"{access.Value:x} was acknowledged");
                Expect("drv.mmio.19", true, "InterruptACK", $"");
                _unacknowledged &= ~access.Value;
                break;
            default:
                break;
        }
    }

    private void OnRead(Access access)
    {
        if (access.Register == Register.DeviceFeatures)
        {
            Expect("drv.mmio.12", _isOfferSelected, "DeviceFeatures", $"no word was selected before");
        }
        else if (access.Register == Register.Isr)
        {
            _unacknowledged |= access.Value & KnownEvents;
        }
    }
}
