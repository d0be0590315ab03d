using System;
using System.Threading.Tasks;
using VirtioGuest.Kernel;

namespace VirtioGuest.Tests.Sockets;

/// <summary>
/// Tries what programs do with .NET's sockets, inside the guest, and says how it went in the form of TAP 14. Host tests
/// boot it. With <c>peer=PORT</c> on the command line, which is a port of the host, there are the cases with a peer.
/// </summary>
internal static class Program
{
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);
    private static int s_count;

    private static int Main()
    {
        Guest.Start();
        Console.WriteLine("TAP version 14");
        bool hasFailed = false;
        foreach ((string name, Func<Task> run) in SocketCases.All)
        {
            hasFailed |= !Run(name, run);
        }

        foreach ((string name, Func<Task> run) in PeerCases.For(Guest.CommandLine))
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
