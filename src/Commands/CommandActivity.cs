using VirtioGuest.Hal;

namespace VirtioGuest.Commands;

/// <summary>
/// Whether a command is running. Whoever switches the machine off closes the shell, waits for the running command, and
/// then knows that no other begins.
/// </summary>
public sealed class CommandActivity
{
    private const uint Forever = 60_000;

    private volatile bool _isBusy;
    private volatile bool _isClosed;

    /// <summary>Whether a command is running.</summary>
    public bool IsBusy => _isBusy;

    /// <summary>From now on, no command begins.</summary>
    public void Close()
    {
        _isClosed = true;

        // The closer looks at IsBusy only after this store, as a command looks at _isClosed only after its own: one of
        // them sees the other.
        Barriers.Full();
    }

    /// <summary>Marks a command as running. Never returns in a closed shell: the machine is going down.</summary>
    internal void Begin(CommandSystem system)
    {
        _isBusy = true;
        Barriers.Full();
        if (_isClosed)
        {
            _isBusy = false;
            while (true)
            {
                system.Pause(Forever);
            }
        }
    }

    internal void End() => _isBusy = false;
}
