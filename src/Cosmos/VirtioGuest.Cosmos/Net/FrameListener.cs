namespace VirtioGuest.Cosmos.Net;

/// <summary>Who wants received frames as they come.</summary>
public abstract class FrameListener
{
    /// <summary>Takes a frame, in an interrupt. Must not throw.</summary>
    /// <param name="frame">An Ethernet frame without checksum, now the listener's.</param>
    /// <returns>Whether it was taken; if not, it is kept until somebody asks for it.</returns>
    public abstract bool TryTake(byte[] frame);
}
