using System;
using VirtioGuest.Kernel.Text;

namespace VirtioGuest.Kernel.Shell;

/// <summary>Runs commands from a script and from the keyboard, and says in one line what went wrong.</summary>
internal sealed class CommandShell
{
    /// <summary>What is shown when a command is expected.</summary>
    public const string Prompt = "vg> ";

    private static readonly char[] s_separators = [';', '\r', '\n'];
    private static readonly char[] s_blanks = [' ', '\t'];

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
        foreach (string command in Split(script, s_separators))
        {
            _context.Output.WriteLine(Prompt + command);
            if (!RunCommand(command))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>Runs what is typed until a command ends the shell.</summary>
    public void RunInteractively(LineEditor editor)
    {
        while (true)
        {
            foreach (string command in Split(editor.ReadLine(Prompt), s_separators))
            {
                if (!RunCommand(command))
                {
                    return;
                }
            }
        }
    }

    /// <summary>Runs one command and reports its failure.</summary>
    /// <returns>False where it ended the shell.</returns>
    public bool RunCommand(string line)
    {
        string[] words = Split(line, s_blanks);
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

            if (command is not DeviceCommand deviceCommand)
            {
                usage = command.Usage;
                return command.Run(_context, words.AsSpan(1));
            }

            if (words.Length > 2 && deviceCommand.Verb == words[2])
            {
                usage = command.Usage;
                return deviceCommand.Run(_context, words.AsSpan(1));
            }

            usage += usage.Length == 0 ? command.Usage : " | " + command.Usage;
        }

        return usage.Length == 0
            ? CommandResult.Failure("no command " + words[0] + "; help lists all")
            : CommandResult.WrongArguments;
    }

    private static string[] Split(string text, char[] separators) =>
        text.Split(separators, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
