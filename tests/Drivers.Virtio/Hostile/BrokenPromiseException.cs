using System;

namespace VirtioGuest.Drivers.Virtio.Tests.Hostile;

/// <summary>A driver did what no device may bring it to.</summary>
internal sealed class BrokenPromiseException : Exception
{
    public BrokenPromiseException()
    {
    }

    public BrokenPromiseException(string message)
        : base(message)
    {
    }

    public BrokenPromiseException(string message, Exception innerException)
        : base(message, innerException)
    {
    }

    /// <summary>
    /// Whether it is about allocation alone: the runtime allocates too, once, where code runs for the first time. What
    /// a driver allocates shows again when the same case is run again.
    /// </summary>
    public bool MayBeTheRuntimes { get; private init; }

    /// <summary>Checks that nothing was allocated.</summary>
    public static void UnlessZero(long bytes)
    {
        if (bytes != 0)
        {
            throw new BrokenPromiseException($"broken: no allocation on the data path ({bytes} bytes)")
            {
                MayBeTheRuntimes = true,
            };
        }
    }

    /// <summary>Checks what has to hold whatever a device does.</summary>
    public static void Unless(bool condition, string promise)
    {
        if (!condition)
        {
            throw new BrokenPromiseException("broken: " + promise);
        }
    }
}
