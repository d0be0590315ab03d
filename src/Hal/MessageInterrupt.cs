namespace VirtioGuest.Hal;

/// <summary>
/// A message-signalled interrupt: a device raises it by writing <see cref="Data"/> to <see cref="Address"/>.
/// </summary>
public abstract class MessageInterrupt
{
    /// <summary>Describes a message that the machine has set aside.</summary>
    protected MessageInterrupt(ulong address, uint data)
    {
        Address = address;
        Data = data;
    }

    /// <summary>Where the device writes.</summary>
    public ulong Address { get; }

    /// <summary>What the device writes.</summary>
    public uint Data { get; }

    /// <summary>How often it has arrived.</summary>
    public abstract ulong Count { get; }

    /// <summary>Stops delivery and gives the message back. The device must no longer be able to send it.</summary>
    /// <remarks>
    /// A call of the handler that has begun may still be running when this returns: handlers look at their driver's
    /// state before they touch the device.
    /// </remarks>
    public abstract void Release();
}
