using System;

namespace VirtioGuest.Net;

/// <summary>Sees every frame of a stack: those that the device took, and those that it brought.</summary>
/// <seealso cref="NetworkStack.Observer"/>
public abstract class FrameObserver
{
    /// <summary>A frame on its way out or in.</summary>
    /// <param name="frame">
    /// Header and data, without the frame check sequence; as the device has it, so that a sent frame whose checksum or
    /// segmentation is left to the device has neither. Not to be kept after the return.
    /// </param>
    /// <param name="isSent">Whether it is on its way out.</param>
    /// <remarks>
    /// Called on any thread with the stack's lock held, for one frame at a time: must not throw, wait for long, or call
    /// the stack.
    /// </remarks>
    public abstract void OnFrame(ReadOnlySpan<byte> frame, bool isSent);
}
