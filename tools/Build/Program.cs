using System;
using System.CommandLine;
using VirtioGuest.Build;

// What follows "--" is for QEMU, even if it looks like an option of this tool.
int separator = Array.IndexOf(args, "--");
string[] own = separator < 0 ? args : args[..separator];

// People try it as a verb as well.
own = own is ["help", .. string[] rest] ? [.. rest, "--help"] : own;
string[] forQemu = separator < 0 ? [] : args[(separator + 1)..];
try
{
    ParseResult result = Verbs.Create(forQemu).Parse(own);
    if (result.Errors.Count > 0)
    {
        string message = result.UnmatchedTokens.Count > 0
            ? $"Unknown command or option '{result.UnmatchedTokens[0]}'."
            : string.Join(' ', result.Errors[0].Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        Console.Error.WriteLine($"{message} See ./build.sh --help.");
        return 2;
    }

    return result.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (BuildFailure failure)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
