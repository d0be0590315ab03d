using System;
using System.Threading;
using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Kernel.Shell;

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
