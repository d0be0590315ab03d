using System;
using System.Diagnostics;
using System.Text;
using System.Threading.Tasks;
using VirtioGuest.Build.Guest;

namespace VirtioGuest.Build.Benchmarks;

/// <summary>Starts a guest with the sample disk, untouched, and reads its serial line.</summary>
internal static class BenchmarkGuest
{
    /// <summary>How long a guest may take; UEFI under TCG on a busy machine is the slowest.</summary>
    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(60);

    /// <summary>Runs a guest until a line on the serial console satisfies the condition, then ends QEMU.</summary>
    /// <returns>The line, and the time from QEMU's start until its last character was there.</returns>
    public static (string Line, TimeSpan Elapsed) RunUntil(
        Workspace workspace, GuestOptions options, Func<string, bool> found)
    {
        ProcessStartInfo start = new(QemuCommand.Program, [.. QemuCommand.Arguments(workspace, options), "-snapshot"])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        Stopwatch watch = Stopwatch.StartNew();
        using Process process = ExternalProgram.Start(start);
        using IDisposable end = ExternalProgram.EndWithThisProcess(process);
        StringBuilder transcript = new();
        try
        {
            while (true)
            {
                Task<string?> next = process.StandardOutput.ReadLineAsync();
                if (!next.Wait(s_limit > watch.Elapsed ? s_limit - watch.Elapsed : TimeSpan.Zero))
                {
                    throw new BuildFailure(
                        $"the guest did not get as far as expected within {s_limit.TotalSeconds} s:\n{transcript}");
                }

                if (next.Result is not { } line)
                {
                    throw new BuildFailure(
                        $"the guest ended too early:\n{transcript}{process.StandardError.ReadToEnd()}");
                }

                transcript.AppendLine(line);
                if (found(line))
                {
                    return (line, watch.Elapsed);
                }
            }
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
    }
}
