using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands;

/// <summary>Runs commands from a script and from the keyboard, and says in one line what went wrong.</summary>
public sealed class CommandShell
{
    /// <summary>Shown where a command is expected.</summary>
    public const string Prompt = "vg> ";

    private readonly ShellContext _context;
    private readonly CommandRunner _runner;

    /// <summary>Creates a shell that runs each command where it is called.</summary>
    public CommandShell(ShellContext context)
        : this(context, new CommandRunner())
    {
    }

    /// <param name="context">What commands work with.</param>
    /// <param name="runner">How commands are run.</param>
    public CommandShell(ShellContext context, CommandRunner runner)
    {
        _context = context;
        _runner = runner;
    }

    /// <summary>Runs the commands of a script, each shown after the prompt as if it had been typed.</summary>
    /// <returns>False where a command ended the shell. Ctrl+C ends the script, but not the shell.</returns>
    public bool RunScript(string script) => RunAll(script, isShown: true);

    /// <summary>Exits with failure, because the machine was started with a script that cannot be used.</summary>
    public void RefuseScript()
    {
        _context.HasFailed = true;
        _context.System.Exit(hasFailed: true);
    }

    /// <summary>Runs what is typed until a command ends the shell.</summary>
    public void RunInteractively(LineEditor editor)
    {
        bool isRunning = true;
        while (isRunning)
        {
            string line = editor.ReadLine(Prompt);
            if (editor.Refusal is not null)
            {
                Report(CommandResult.Failure(editor.Refusal), "");
            }

            isRunning = RunLine(line);
        }
    }

    /// <summary>Runs the commands of one typed line.</summary>
    /// <returns>False where one ended the shell. Ctrl+C ends the line, but not the shell.</returns>
    public bool RunLine(string line) => RunAll(line, isShown: false);

    /// <summary>Runs one command and reports its failure.</summary>
    /// <returns>False where it ended the shell.</returns>
    public bool RunCommand(string line)
    {
        string[] words = CommandWords.OfLine(line);
        if (words.Length == 0)
        {
            return true;
        }

        _context.Activity.Begin(_context.System);
        CommandResult result = Dispatch(words, out string usage);
        _context.Activity.End();
        if (result.Outcome == CommandOutcome.EndsShell)
        {
            return false;
        }

        bool wasCutShort = result.Outcome == CommandOutcome.Succeeded && _context.IsInterrupted;
        Report(wasCutShort ? CommandResult.Interrupted : result, usage);
        return true;
    }

    private bool RunAll(string commands, bool isShown)
    {
        _context.System.WatchForInterrupt();
        foreach (string command in CommandWords.OfScript(commands))
        {
            if (isShown)
            {
                _context.Output.WriteLine(Prompt + command);
            }

            if (!RunCommand(command))
            {
                return false;
            }

            _context.System.Tidy();
            if (_context.IsInterrupted)
            {
                _context.System.UseInterrupt();
                return true;
            }
        }

        return true;
    }

    private void Report(CommandResult result, string usage)
    {
        if (result.Outcome == CommandOutcome.Failed)
        {
            _context.HasFailed = true;
            _context.Output.WriteLine("error: " + result.Reason);
        }
        else if (result.Outcome == CommandOutcome.WrongArguments)
        {
            _context.HasFailed = true;
            _context.Output.WriteLine("usage: " + usage);
        }
    }

    // Commands on a device have a verb as their third word (`blk 0 read`), and each verb has a usage of its own.
    private CommandResult Dispatch(string[] words, out string usage)
    {
        usage = "";
        foreach (Command command in _context.Commands)
        {
            if (command.Name != words[0])
            {
                continue;
            }

            string? verb = command.Verb;
            if (verb is null || (words.Length > 2 && words[2] == verb))
            {
                usage = command.Usage;
                return _runner.Run(command, _context, Arguments(words));
            }

            usage += usage.Length == 0 ? command.Usage : " | " + command.Usage;
        }

        return usage.Length == 0
            ? CommandResult.Failure("no command " + words[0] + "; help lists all")
            : CommandResult.WrongArguments;
    }

    private static string[] Arguments(string[] words)
    {
        var arguments = new string[words.Length - 1];
        for (int word = 0; word < arguments.Length; word++)
        {
            arguments[word] = words[word + 1];
        }

        return arguments;
    }
}

/// <summary>How a shell runs a command: it calls it, unless a kernel knows better.</summary>
public class CommandRunner
{
    /// <summary>Runs a command.</summary>
    /// <param name="command">The command.</param>
    /// <param name="shell">Where it is run.</param>
    /// <param name="arguments">The words after its name.</param>
    public virtual CommandResult Run(Command command, ShellContext shell, string[] arguments) =>
        command.Run(shell, arguments);
}
