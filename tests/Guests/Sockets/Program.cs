using System;
using System.Threading.Tasks;

namespace VirtioGuest.Tests.Sockets;

/// <summary>
/// Tries what programs do with .NET's sockets, inside the guest, and says how it went in the form of TAP 14. Host tests
/// boot it; a case whose peer is on the host takes its port from the command line.
/// </summary>
internal static class Program
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(20);
    private static int s_count;

    private static int Main()
    {
        Guest.Start();
        bool hasFailed = false;
        foreach ((string name, Func<Task> run) in SocketCases.All)
        {
            hasFailed |= !Run(name, run);
        }

        Console.WriteLine($"1..{s_count}");
        Guest.Exit(hasFailed);
        return hasFailed ? 1 : 0;
    }

    private static bool Run(string name, Func<Task> run)
    {
        s_count++;
        string? failure = null;
        try
        {
            Task task = Task.Run(run);
            if (!task.Wait(s_limit))
            {
                failure = "it did not end";
            }
        }
        catch (AggregateException e)
        {
            failure = e.InnerException!.ToString();
        }

        Console.WriteLine($"{(failure is null ? "ok" : "not ok")} {s_count} - {name}");
        if (failure is not null)
        {
            Console.WriteLine("# " + failure.ReplaceLineEndings("\n# "));
        }

        return failure is null;
    }
}
