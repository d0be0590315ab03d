using VirtioGuest.Conformance.Events;
using VirtioGuest.Devices;

namespace VirtioGuest.Conformance.Judge;

/// <summary>The device's life as its status tells it (virtio 1.4, 2.1, 2.4, 3.1 and 3.4).</summary>
internal sealed class StatusRules : RuleSet
{
    private const byte SetByDevice = StatusBit.NeedsReset | StatusBit.Suspend;

    private bool _isSuspensionUnread;
    private bool _isResumptionUnread;

    /// <inheritdoc/>
    public override void OnAccess(Access access)
    {
        if (access.Writes(Register.Status))
        {
            OnWrite((byte)access.Value);
            return;
        }

        if (access.Reads(Register.Status))
        {
            OnRead((byte)access.Value);
            return;
        }

        if (access.IsWrite && Device.IsResetting && !Device.IsMmio && access.Region is not RegisterRegion.Pci)
        {
            Expect("drv.pci.19", false, "device_status", $"a register was written before the reset was over");
        }

        if (access.Writes(Register.DriverFeatures) && (Device.Status & StatusBit.FeaturesOk) == 0)
        {
            bool isDriver = (Device.Status & StatusBit.Driver) != 0;
            Expect("drv.general.21", isDriver, "driver_feature", $"features were accepted at status {Device.Status:x}");
        }
        else if (access.Writes(Register.QueueEnable) && access.Value != 0)
        {
            OnStep($"queue {Device.QueueSelect} was enabled");
        }
        else if (access.IsWrite && access.Register == Register.Notify)
        {
            OnNotify();
        }
    }

    /// <inheritdoc/>
    public override void OnRest() => OnNotify();

    private void OnWrite(byte value)
    {
        byte before = Device.Status;
        if (value == 0)
        {
            _isSuspensionUnread = false;
            _isResumptionUnread = false;
            return;
        }

        if (Device.IsResetting && !Device.IsMmio && (value & StatusBit.Failed) == 0)
        {
            Expect("drv.pci.19", false, "device_status", $"{value:x} was written before the reset was read to be over");
        }

        if ((before & StatusBit.Failed) != 0)
        {
            Expect("drv.general.3", value == before, "device_status", $"{value:x} was written after FAILED");
            return;
        }

        if (before == 0)
        {
            Expect("drv.general.21", Device.WasReset, "device_status", $"{value:x} was written without a reset before");
        }

        Expect(
            "drv.general.2",
            (before & ~value & ~SetByDevice) == 0,
            "device_status",
            $"status {before:x} was overwritten by {value:x}");
        Expect("drv.general.1", IsInOrder(value), "device_status", $"{value:x} was written over {before:x}");
        byte added = (byte)(value & ~before);
        if ((added & StatusBit.DriverOk) != 0 && Device.IsSuspended)
        {
            _isResumptionUnread = true;
        }
        else if ((added & StatusBit.DriverOk) != 0)
        {
            OnStep($"DRIVER_OK was set");
        }

        if ((added & StatusBit.Suspend) != 0)
        {
            Expect(
                "drv.general.30",
                Device.IsLive && Device.Has(FeatureBit.Suspend),
                "device_status",
                $"SUSPEND was set at status {before:x} with features {Device.Accepted:x}");
            _isSuspensionUnread = true;
        }
    }

    private void OnRead(byte value)
    {
        if (Device.IsResetting && value == 0)
        {
            Expect("drv.pci.19", true, "device_status", $"");
            Expect("drv.general.3", true, "device_status", $"");
        }

        if (_isSuspensionUnread)
        {
            Expect("drv.general.31", true, "device_status", $"");
            _isSuspensionUnread = false;
        }

        if (_isResumptionUnread && (value & (StatusBit.DriverOk | StatusBit.Suspend)) == StatusBit.DriverOk)
        {
            Expect("drv.general.35", true, "device_status", $"");
            _isResumptionUnread = false;
        }
    }

    /// <summary>A step that comes after the confirmation of FEATURES_OK.</summary>
    private void OnStep(System.FormattableString what)
    {
        if (Device.AreFeaturesRefused)
        {
            Expect("drv.general.26", false, "device_status", $"FEATURES_OK read back clear, and {what}");
            return;
        }

        if ((Device.Status & StatusBit.FeaturesOk) != 0)
        {
            Expect("drv.general.26", true, "device_status", $"");
            Expect(
                "drv.general.21",
                Device.AreFeaturesConfirmed,
                "device_status",
                $"FEATURES_OK was not read back before {what}");
        }
        else
        {
            Expect("drv.general.21", false, "device_status", $"{what} without FEATURES_OK");
        }
    }

    private void OnNotify()
    {
        if (_isSuspensionUnread)
        {
            Expect("drv.general.31", false, "device_status", $"SUSPEND was not read back");
            _isSuspensionUnread = false;
        }

        if (_isResumptionUnread)
        {
            Expect("drv.general.35", false, "device_status", $"the device was used before it had resumed");
            _isResumptionUnread = false;
        }
    }

    private static bool IsInOrder(byte value) =>
        ((value & StatusBit.Driver) == 0 || (value & StatusBit.Acknowledge) != 0)
        && ((value & StatusBit.FeaturesOk) == 0 || (value & StatusBit.Driver) != 0)
        && ((value & StatusBit.DriverOk) == 0 || (value & StatusBit.FeaturesOk) != 0);
}
