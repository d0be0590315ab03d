using System;

namespace VirtioGuest.Labs;

/// <summary>Whoever runs a student's driver: told of each of its steps, and asked what to do while it waits.</summary>
/// <remarks>In a simulated machine the device acts in these calls; in the guest they watch the clock.</remarks>
public abstract class LabWatch
{
    /// <summary>A register or a byte of shared memory is about to be accessed.</summary>
    /// <exception cref="DriverHangsException">
    /// There have been too many steps without anything coming of them.
    /// </exception>
    public virtual void OnStep()
    {
    }

    /// <summary>The driver has nothing to do and lets time pass.</summary>
    /// <exception cref="DriverHangsException">What it waits for can never come.</exception>
    public virtual void OnPause()
    {
    }

    /// <summary>The driver waits for an interrupt.</summary>
    /// <param name="interrupt">Which.</param>
    /// <exception cref="DriverHangsException">It can never come.</exception>
    public virtual void OnWait(LabInterrupt interrupt)
    {
    }
}

/// <summary>A driver waits for what never comes; the message says for what, and why not.</summary>
public sealed class DriverHangsException : Exception
{
    public DriverHangsException(string message)
        : base(message)
    {
    }

    public DriverHangsException()
    {
    }

    public DriverHangsException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// A step of a lab that is still to be written. Starters throw it; remove it when you have done the step.
/// </summary>
public sealed class NotDoneYetException : Exception
{
    public NotDoneYetException(string message)
        : base(message)
    {
    }

    public NotDoneYetException()
    {
    }

    public NotDoneYetException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// A driver asked for what does not exist: bytes outside of its memory, a register outside of its window.
/// </summary>
public sealed class WrongAccessException : Exception
{
    public WrongAccessException(string message)
        : base(message)
    {
    }

    public WrongAccessException()
    {
    }

    public WrongAccessException(string message, Exception innerException)
        : base(message, innerException)
    {
    }
}
