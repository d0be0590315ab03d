using System;
using System.Collections.Generic;
using System.Runtime.CompilerServices;
using VirtioGuest.Commands;
using VirtioGuest.Kernel.Machine;
using VirtioGuest.LibOS.Abi;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>crash KIND</c>: fails on purpose, so that the report can be looked at.</summary>
internal sealed class CrashCommand : Command
{
    private const int BlockLength = 64 * 1024;

    private readonly SystemControl _system;

    /// <summary>Creates the command.</summary>
    /// <param name="system">The machine.</param>
    public CrashCommand(SystemControl system)
        : base("crash KIND", "fail on purpose: exception, overflow, memory, libos, trap or frames")
    {
        _system = system;
    }

    /// <inheritdoc/>
    public override bool CanBeLeft => false;

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
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
                _system.Crash(CrashKind.LibOsFault);
                break;
            case "trap":
                _system.Crash(CrashKind.UnknownTrap);
                break;
            case "frames":
                _system.Crash(CrashKind.OutOfFrames);
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
