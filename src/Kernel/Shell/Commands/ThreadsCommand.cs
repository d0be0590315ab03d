using VirtioGuest.Commands;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.Machine;

namespace VirtioGuest.Kernel.Shell.Commands;

/// <summary><c>threads</c>: the threads, and the interrupts that wake some of them.</summary>
internal sealed class ThreadsCommand : Command
{
    private const int NameWidth = 32;
    private const ulong NanosecondsPerMillisecond = 1_000_000;

    private readonly SystemControl _system;

    /// <summary>Creates the command.</summary>
    /// <param name="system">The machine.</param>
    public ThreadsCommand(SystemControl system)
        : base("threads", "show threads and interrupts")
    {
        _system = system;
    }

    /// <inheritdoc/>
    public override CommandResult Run(ShellContext shell, string[] arguments)
    {
        if (arguments.Length != 0)
        {
            return CommandResult.WrongArguments;
        }

        shell.Output.WriteLine("  id name                            state       cpu ms   switches  interrupt wakes");
        for (int index = 0; _system.TryGetThread(index, out ThreadDescription? thread); index++)
        {
            if (thread is not null)
            {
                shell.Output.WriteLine(
                    Column.Right(thread.Id, 4) + " " + Column.Left(thread.Name, NameWidth)
                    + Column.Left(thread.State, 10) + Column.Right(thread.CpuNanoseconds / NanosecondsPerMillisecond, 8)
                    + Column.Right(thread.Switches, 11) + Column.Right(thread.InterruptWakes, 17));
            }
        }

        shell.Output.WriteLine("vec  interrupt                       source       count");
        for (int index = 0; _system.TryGetInterrupt(index, out InterruptDescription? interrupt); index++)
        {
            if (interrupt is not null)
            {
                shell.Output.WriteLine(
                    Column.Right(interrupt.Vector, 4) + " " + Column.Left(interrupt.Name, NameWidth)
                    + Column.Left(interrupt.Source, 9) + Column.Right(interrupt.Count, 9)
                    + (interrupt.IsAbandoned ? "  masked: nobody claims it" : interrupt.IsPolled ? "  polled" : ""));
            }
        }

        return CommandResult.Success;
    }
}
