using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands;

/// <summary>Runs commands from a script and from the keyboard, and says in one line what went wrong.</summary>
public sealed class CommandShell
{
    /// <summary>What is shown when a command is expected.</summary>
    public const string Prompt = "vg> ";

    private readonly ShellContext _context;

    /// <summary>Creates a shell.</summary>
    public CommandShell(ShellContext context)
    {
        _context = context;
    }

    /// <summary>Runs the commands of a script, each shown after the prompt as if it had been typed.</summary>
    /// <returns>False where a command ended the shell.</returns>
    public bool RunScript(string script)
    {
        foreach (string command in CommandWords.OfScript(script))
        {
            _context.Output.WriteLine(Prompt + command);
            if (!RunCommand(command))
            {
                return false;
            }

            _context.System.Tidy();
        }

        return true;
    }

    /// <summary>Runs what is typed until a command ends the shell.</summary>
    public void RunInteractively(LineEditor editor)
    {
        while (RunLine(editor.ReadLine(Prompt)))
        {
        }
    }

    /// <summary>Runs the commands of one typed line.</summary>
    /// <returns>False where one ended the shell.</returns>
    public bool RunLine(string line)
    {
        foreach (string command in CommandWords.OfScript(line))
        {
            if (!RunCommand(command))
            {
                return false;
            }

            _context.System.Tidy();
        }

        return true;
    }

    /// <summary>Runs one command and reports its failure.</summary>
    /// <returns>False where it ended the shell.</returns>
    public bool RunCommand(string line)
    {
        string[] words = CommandWords.OfLine(line);
        if (words.Length == 0)
        {
            return true;
        }

        CommandResult result = Dispatch(words, out string usage);
        switch (result.Outcome)
        {
            case CommandOutcome.Failed:
                _context.HasFailed = true;
                _context.Output.WriteLine("error: " + result.Reason);
                return true;
            case CommandOutcome.WrongArguments:
                _context.HasFailed = true;
                _context.Output.WriteLine("usage: " + usage);
                return true;
            default:
                return result.Outcome != CommandOutcome.EndsShell;
        }
    }

    // Commands on a device have a verb as their third word (`blk 0 read`), and one usage for each verb.
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
                return command.Run(_context, Arguments(words));
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
