namespace VirtioGuest.Devices.Hostile;

/// <summary>Has a device interrupt at accesses to its registers, with nothing used and nothing changed.</summary>
internal sealed class InterruptStorm
{
    private readonly DeviceTransport _transport;
    private readonly Whims _whims;
    private readonly int _percent;

    public InterruptStorm(DeviceTransport transport, Whims whims, Hostility hostility)
    {
        _transport = transport;
        _whims = whims;
        _percent = (hostility & Hostility.Interrupts) == 0 ? 0 : whims.Chance(30) ? 100 : whims.Below(50);
    }

    /// <summary>The driver made an access.</summary>
    public void OnAccess()
    {
        if (_percent == 0 || (_transport.Model.Status & StatusBit.FeaturesOk) == 0 || !_whims.Chance(_percent))
        {
            return;
        }

        if (_whims.Chance(50))
        {
            _transport.NotifyConfiguration();
        }
        else
        {
            _transport.NotifyUsed(_transport.Model.Queues[_whims.Below(_transport.Model.Queues.Length)]);
        }
    }
}
