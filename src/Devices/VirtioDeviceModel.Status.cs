using System;

namespace VirtioGuest.Devices;

/// <content>The device status (virtio 1.4, 2.1, 3.1 and 3.4).</content>
public abstract partial class VirtioDeviceModel
{
    private const byte SetByDevice = StatusBit.NeedsReset | StatusBit.Suspend;

    /// <summary>
    /// Finishes what is being worked on, or puts it back, because the device is about to be suspended.
    /// </summary>
    protected virtual void OnSuspend()
    {
    }

    internal byte ReadStatus()
    {
        if (_looksLeft > 0)
        {
            _looksLeft--;
            return _shownStatus;
        }

        return Status;
    }

    internal void WriteStatus(byte value)
    {
        if (value == 0)
        {
            Reset();
            return;
        }

        if (_looksLeft > 0)
        {
            Report(DriverRule.InitialisationOrder, $"status {value:x2} was written before an earlier one took effect");
            return;
        }

        if ((Status & ~value & ~SetByDevice) != 0)
        {
            Report(DriverRule.StatusBitCleared, $"status {Status:x2} was overwritten by {value:x2}");
        }

        byte added = (byte)(value & ~Status);
        Status |= (byte)(added & StatusBit.Failed);
        if ((Status & (StatusBit.NeedsReset | StatusBit.Failed)) != 0)
        {
            return;
        }

        if (IsSuspended)
        {
            Resume((added & StatusBit.DriverOk) != 0);
            return;
        }

        bool wasRunning = IsRunning;
        Discover(added);
        if ((added & StatusBit.FeaturesOk) != 0)
        {
            Negotiate();
        }

        if ((added & StatusBit.DriverOk) != 0)
        {
            Start();
        }

        if ((added & StatusBit.Suspend) != 0)
        {
            Suspend(wasRunning);
        }
    }

    private void Discover(byte added)
    {
        Status |= (byte)(added & (StatusBit.Acknowledge | StatusBit.Driver));
        if ((Status & StatusBit.Driver) != 0 && (Status & StatusBit.Acknowledge) == 0)
        {
            Report(DriverRule.InitialisationOrder, "DRIVER was set without ACKNOWLEDGE");
        }
    }

    private void Negotiate()
    {
        if ((Status & StatusBit.Driver) == 0)
        {
            Report(DriverRule.InitialisationOrder, "FEATURES_OK was set without DRIVER");
        }

        ulong foreign = _accepted & ~_offered;
        if (foreign != 0 || _acceptsUnknown)
        {
            Report(DriverRule.FeatureNotAcceptable, $"features {foreign:x} were accepted but not offered");
        }
        else if (!RefusesFeatures && AcceptsFeatures(_accepted))
        {
            Status |= StatusBit.FeaturesOk;
        }
    }

    private void Start()
    {
        if ((Status & StatusBit.FeaturesOk) == 0)
        {
            Report(DriverRule.InitialisationOrder, "DRIVER_OK was set without FEATURES_OK");
            return;
        }

        Status |= StatusBit.DriverOk;
    }

    private void Suspend(bool wasRunning)
    {
        if (!wasRunning || (_accepted & FeatureBit.Suspend) == 0)
        {
            Report(DriverRule.SuspendTime, "SUSPEND was set on a device that does not run or did not offer it");
            return;
        }

        if (FailsToSuspend)
        {
            FailsToSuspend = false;
            SetNeedsReset("the device failed to suspend");
            return;
        }

        OnSuspend();
        foreach (ModelQueue queue in _queues)
        {
            GiveBack(queue, asksPolicy: false, isIdle: true);
        }

        Delay(SuspendDelay);
        Status = (byte)((Status | StatusBit.Suspend) & ~StatusBit.DriverOk);
    }

    private void Resume(bool isAsked)
    {
        if (!isAsked)
        {
            return;
        }

        if (FailsToResume)
        {
            FailsToResume = false;
            SetNeedsReset("the device failed to resume");
            return;
        }

        Delay(SuspendDelay);
        Status = (byte)((Status | StatusBit.DriverOk) & ~StatusBit.Suspend);
        foreach (ModelQueue queue in _queues)
        {
            queue.IsAwake = queue.Ring != null;
        }

        Action[] changes = _changesWhileSuspended.ToArray();
        _changesWhileSuspended.Clear();
        foreach (Action change in changes)
        {
            ChangeConfiguration(change);
        }
    }

    private void Reset()
    {
        Delay(ResetDelay);
        Status = 0;
        Trouble = string.Empty;
        _accepted = 0;
        _acceptsUnknown = false;
        foreach (ModelQueue queue in _queues)
        {
            if (!IgnoresStatus || !queue.IsEnabled)
            {
                queue.ResetRegisters();
            }
        }

        OnReset();
        Action[] changes = _changesWhileSuspended.ToArray();
        _changesWhileSuspended.Clear();
        foreach (Action change in changes)
        {
            ChangeConfiguration(change);
        }

        _transport?.OnReset();
    }

    /// <summary>Goes on showing the present status for so many looks.</summary>
    private void Delay(int looks)
    {
        _shownStatus = Status;
        _looksLeft = looks;
    }
}
