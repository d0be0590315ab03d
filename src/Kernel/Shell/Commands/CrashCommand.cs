using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>crash KIND</c>: fails on purpose, so that the report can be looked at.</summary>
internal sealed class CrashCommand : Command
{
    private const int BlockLength = 64 * 1024;

    /// <summary>Creates the command.</summary>
    public CrashCommand()
        : base("crash KIND", "fail on purpose: exception, overflow, memory, libos, trap or frames")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, ReadOnlySpan<string> arguments)
    {
        if (arguments.Length != 1)
        {
            return CommandResult.WrongArguments;
        }

        switch (arguments[0])
        {
            case "exception":
                throw new InvalidOperationException("asked for by the crash command");
            case "overflow":
                Recurse(0);
                break;
            case "memory":
                UseUpMemory();
                break;
            case "libos":
                shell.System.Crash(CrashKind.LibOsFault);
                break;
            case "trap":
                shell.System.Crash(CrashKind.UnknownTrap);
                break;
            case "frames":
                shell.System.Crash(CrashKind.OutOfFrames);
                break;
            default:
                return CommandResult.WrongArguments;
        }

        return CommandResult.Failure("the machine survived");
    }

    // The addition after the call keeps the compiler from making a loop of it.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int Recurse(int depth) => depth == int.MaxValue ? 0 : Recurse(depth + 1) + 1;

    private static void UseUpMemory()
    {
        var blocks = new List<byte[]>();
        while (true)
        {
            blocks.Add(new byte[BlockLength]);
        }
    }
}
