namespace VirtioGuest.Commands;

/// <summary>The machine's switches, as the commands use them.</summary>
public abstract class CommandSystem
{
    private const byte Succeeded = 0x10;
    private const byte Failed = 0x11;

    /// <summary>
    /// Ends QEMU with process status 33, or 35 where something has failed; without the exit device it switches the
    /// machine off.
    /// </summary>
    /// <param name="hasFailed">Whether a command has failed.</param>
    public void Exit(bool hasFailed)
    {
        DebugExit(hasFailed ? Failed : Succeeded);
        PowerOff();
    }

    /// <summary>
    /// Writes to QEMU's exit device (<c>isa-debug-exit</c>), which ends QEMU with status <c>value * 2 + 1</c>; returns
    /// where it is absent.
    /// </summary>
    public abstract void DebugExit(byte value);

    /// <summary>Switches the machine off, or resets it where it cannot be switched off.</summary>
    public abstract void PowerOff();

    /// <summary>Resets the machine.</summary>
    public abstract void Reset();

    /// <summary>
    /// Whether Ctrl+C was typed since <see cref="WatchForInterrupt"/>; once it was, it stays so. Asked often while a
    /// command runs. A machine that cannot tell says no.
    /// </summary>
    public virtual bool IsInterrupted => false;

    /// <summary>Commands begin: a Ctrl+C that was typed before does not concern them.</summary>
    public virtual void WatchForInterrupt()
    {
    }

    /// <summary>Commands have ended because of a Ctrl+C: what was typed up to it is not to be read any more.</summary>
    public virtual void UseInterrupt()
    {
    }

    /// <summary>
    /// Called after each command, when nothing of it is in use any more: a kernel that has to be told when to free
    /// memory does it here.
    /// </summary>
    public virtual void Tidy()
    {
    }

    /// <summary>Lets time pass; what arrives meanwhile is served.</summary>
    /// <param name="milliseconds">How much.</param>
    public abstract void Pause(uint milliseconds);
}
