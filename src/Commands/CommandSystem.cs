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
        Settle();
        DebugExit(hasFailed ? Failed : Succeeded);
        PowerOff();
    }

    /// <summary>
    /// Writes to QEMU's exit device (<c>isa-debug-exit</c>), which ends QEMU with status <c>value * 2 + 1</c>. Returns
    /// if there is no such device.
    /// </summary>
    public abstract void DebugExit(byte value);

    /// <summary>Switches the machine off, or resets it if it cannot be switched off.</summary>
    public abstract void PowerOff();

    /// <summary>Resets the machine.</summary>
    public abstract void Reset();

    /// <summary>
    /// Whether Ctrl+C has been typed since <see cref="WatchForInterrupt"/>. Asked often while a command runs. A machine
    /// that cannot tell says no.
    /// </summary>
    public virtual bool IsInterrupted => false;

    /// <summary>Called before commands run: a Ctrl+C that was typed earlier is not meant for them.</summary>
    public virtual void WatchForInterrupt()
    {
    }

    /// <summary>Called when a Ctrl+C has ended commands: what was typed before it is discarded.</summary>
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

    /// <summary>
    /// Called before the machine goes down because somebody wants that: what runs and has something to write ends, in
    /// bounded time.
    /// </summary>
    public virtual void Settle()
    {
    }

    /// <summary>Lets time pass; devices are still served.</summary>
    /// <param name="milliseconds">How long.</param>
    public abstract void Pause(uint milliseconds);
}
