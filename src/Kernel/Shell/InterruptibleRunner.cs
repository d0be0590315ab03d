using System;
using System.Threading;
using VirtioGuest.Commands;

namespace VirtioGuest.Kernel.Shell;

/// <summary>
/// Runs commands on a thread of their own, so that the shell can leave one that was interrupted and waits for a device.
/// </summary>
/// <remarks>
/// A command that is left goes on until it sees that it is to end, and only then gives back what it holds: memory that
/// a device may still write to is not freed before the device has answered. It says nothing more, and the next command
/// gets another thread.
/// </remarks>
internal sealed class InterruptibleRunner : CommandRunner
{
    private const int StackSize = 1024 * 1024;

    private static readonly TimeSpan s_look = TimeSpan.FromMilliseconds(20);

    // For a command that is about to notice by itself, and then has better words for it.
    private static readonly TimeSpan s_grace = TimeSpan.FromMilliseconds(600);

    private readonly Action<string> _nameThread;
    private CommandThread? _thread;

    /// <summary>Creates a runner without a thread.</summary>
    /// <param name="nameThread">Names the calling thread for people.</param>
    public InterruptibleRunner(Action<string> nameThread)
    {
        _nameThread = nameThread;
    }

    /// <inheritdoc/>
    public override CommandResult Run(Command command, ShellContext shell, string[] arguments)
    {
        if (!command.CanBeLeft)
        {
            return command.Run(shell, arguments);
        }

        _thread ??= new CommandThread(_nameThread);
        var run = new CommandRun(command, shell, arguments);
        _thread.Start(run);
        TimeSpan left = s_grace;
        while (!run.WaitForEnd(s_look))
        {
            left -= shell.IsInterrupted ? s_look : TimeSpan.Zero;
            if (left <= TimeSpan.Zero)
            {
                run.Leave();
                _thread.Leave();
                _thread = null;
                return CommandResult.Failure("interrupted; it still waits for a device, and ends by itself");
            }
        }

        return run.Result;
    }

    /// <summary>A thread that runs one command after the other.</summary>
    private sealed class CommandThread
    {
        private readonly object _gate = new();
        private readonly Action<string> _nameThread;
        private CommandRun? _run;
        private bool _isLeft;

        public CommandThread(Action<string> nameThread)
        {
            _nameThread = nameThread;
            new Thread(Work, StackSize) { IsBackground = true }.Start();
        }

        /// <summary>Runs a command.</summary>
        public void Start(CommandRun run)
        {
            lock (_gate)
            {
                _run = run;
                Monitor.Pulse(_gate);
            }
        }

        /// <summary>The thread ends with the command that it runs.</summary>
        public void Leave()
        {
            lock (_gate)
            {
                _isLeft = true;
                Monitor.Pulse(_gate);
            }
        }

        private void Work()
        {
            _nameThread("command");
            while (TakeRun() is { } run)
            {
                run.Run();
            }
        }

        private CommandRun? TakeRun()
        {
            lock (_gate)
            {
                while (_run is null && !_isLeft)
                {
                    Monitor.Wait(_gate);
                }

                CommandRun? run = _run;
                _run = null;
                return run;
            }
        }
    }
}
