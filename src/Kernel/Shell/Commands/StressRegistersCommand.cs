using System;
using VirtioGuest.Commands;
using VirtioGuest.Kernel.SelfTest;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>stress registers SECONDS</c>: looks for registers that a thread loses while others run.</summary>
internal sealed class StressRegistersCommand : Command
{
    private const ulong MaximumSeconds = 1_000_000;

    /// <summary>Creates the command.</summary>
    public StressRegistersCommand()
        : base("stress registers SECONDS", "keep patterns in registers while threads, faults and interrupts come")
    {
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 2 || arguments[0] != "registers"
            || !Number.TryParse(arguments[1], out ulong seconds) || seconds is 0 or > MaximumSeconds)
        {
            return CommandResult.WrongArguments;
        }

        string? failure = RegisterStress.Run(TimeSpan.FromSeconds(seconds), out ulong rounds);
        if (failure is not null)
        {
            return CommandResult.Failure(failure);
        }

        shell.Output.WriteLine($"every register was kept, {rounds} rounds in {seconds} s");
        return CommandResult.Success;
    }
}
