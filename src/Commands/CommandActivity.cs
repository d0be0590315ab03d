using VirtioGuest.Hal;

namespace VirtioGuest.Commands;

/// <summary>
/// Whether a command runs, for whoever switches the machine off: he closes the shell, waits for the command that runs,
/// and knows that no other begins.
/// </summary>
public sealed class CommandActivity
{
    private const uint Forever = 60_000;

    private volatile bool _isBusy;
    private volatile bool _isClosed;

    /// <summary>Whether a command runs.</summary>
    public bool IsBusy => _isBusy;

    /// <summary>Keeps commands from beginning from here on.</summary>
    public void Close()
    {
        _isClosed = true;

        // Whoever looks at the command that runs comes after this, as a beginning command looks after saying so.
        Barriers.Full();
    }

    /// <summary>A command begins. Where the shell is closed this does not return: the machine goes down.</summary>
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

    /// <summary>The command has ended.</summary>
    internal void End() => _isBusy = false;
}
