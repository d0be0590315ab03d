namespace VirtioGuest.Hal;

/// <summary>Where drivers say what a person should know. One line a call, without a line end.</summary>
public abstract class DeviceLog
{
    /// <summary>Something worth knowing.</summary>
    public abstract void Information(string message);

    /// <summary>Something that works less well than it should, or a device that is left alone.</summary>
    public abstract void Warning(string message);
}
