namespace VirtioGuest.Devices;

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
