namespace VirtioGuest.Devices;

/// <summary>What a device model needs of the bus that it is on.</summary>
public abstract class DeviceTransport
{
    private protected DeviceTransport(VirtioDeviceModel model)
    {
        Model = model;
        model.Attach(this);
    }

    /// <summary>The device.</summary>
    public VirtioDeviceModel Model { get; }

    /// <summary>Whether the guest lets the device reach memory.</summary>
    public abstract bool CanAccessMemory { get; }

    /// <summary>Device-independent features that only other transports can carry.</summary>
    internal abstract ulong UnsupportedFeatures { get; }

    /// <summary>Buffers of a queue were used.</summary>
    /// <param name="queue">The queue.</param>
    /// <param name="isNotificationWanted">Whether the driver asked to hear of it.</param>
    internal virtual void OnUsed(ModelQueue queue, bool isNotificationWanted)
    {
        if (isNotificationWanted)
        {
            NotifyUsed(queue);
        }
    }

    /// <summary>Sends a used buffer notification.</summary>
    internal abstract void NotifyUsed(ModelQueue queue);

    /// <summary>Sends a configuration change notification.</summary>
    internal abstract void NotifyConfiguration();

    /// <summary>Forgets all that a reset forgets.</summary>
    internal abstract void OnReset();
}

/// <summary>Where a device's interrupts leave it: a machine says what comes of them.</summary>
public abstract class InterruptOutput
{
    /// <summary>The device writes a message-signalled interrupt.</summary>
    /// <param name="address">Where to, as the guest programmed it.</param>
    /// <param name="data">What, as the guest programmed it.</param>
    public abstract void SendMessage(ulong address, uint data);

    /// <summary>The device's level-triggered line changes.</summary>
    public abstract void SetLine(bool isAsserted);
}
