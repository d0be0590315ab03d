using System;
using System.Threading;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;

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

    private static readonly TimeSpan s_pollInterval = TimeSpan.FromMilliseconds(20);

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
        while (!run.WaitForEnd(s_pollInterval))
        {
            left -= shell.IsInterrupted ? s_pollInterval : TimeSpan.Zero;
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

/// <summary>One run of a command, and what it sees of the shell: once it is left, it is interrupted and mute.</summary>
internal sealed class CommandRun : ShellContext
{
    private readonly Command _command;
    private readonly ShellContext _shell;
    private readonly string[] _arguments;
    private readonly RunOutput _output;
    private readonly object _gate = new();
    private volatile bool _isLeft;
    private bool _hasEnded;

    /// <summary>Prepares a run.</summary>
    public CommandRun(Command command, ShellContext shell, string[] arguments)
        : this(command, shell, arguments, new RunOutput(shell.Output))
    {
    }

    private CommandRun(Command command, ShellContext shell, string[] arguments, RunOutput output)
        : base(output, shell.System, shell.Disks, shell.Networks, shell.SelfTests, shell.Commands)
    {
        OtherDevices = shell.OtherDevices;
        _command = command;
        _shell = shell;
        _arguments = arguments;
        _output = output;
    }

    /// <inheritdoc/>
    public override bool IsInterrupted => _isLeft || _shell.IsInterrupted;

    /// <summary>How it ended, after <see cref="WaitForEnd"/> has said that it did.</summary>
    public CommandResult Result { get; private set; }

    /// <summary>Runs the command.</summary>
    public void Run()
    {
        Result = _command.Run(this, _arguments);
        lock (_gate)
        {
            _hasEnded = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits for the end, for a while.</summary>
    public bool WaitForEnd(TimeSpan time)
    {
        lock (_gate)
        {
            return _hasEnded || (Monitor.Wait(_gate, time) && _hasEnded);
        }
    }

    /// <summary>Gives it up.</summary>
    public void Leave()
    {
        _output.Close();
        _isLeft = true;
    }

    /// <summary>The shell's output until it is closed.</summary>
    private sealed class RunOutput(TextOutput output) : TextOutput
    {
        private volatile bool _isClosed;

        public void Close() => _isClosed = true;

        public override void Write(ReadOnlySpan<byte> ascii)
        {
            if (!_isClosed)
            {
                output.Write(ascii);
            }
        }
    }
}
