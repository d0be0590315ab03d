using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.Text;
using System.Threading.Tasks;

namespace VirtioGuest.Build.Guest;

/// <summary>Runs a guest for what it prints on its serial line.</summary>
internal static class GuestOutput
{
    /// <summary>Starts QEMU, reads until a line satisfies the condition, then ends QEMU.</summary>
    /// <param name="program">QEMU.</param>
    /// <param name="arguments">QEMU's command line, with the serial line on its standard output.</param>
    /// <param name="limit">How long that may take.</param>
    /// <param name="found">
    /// The condition. Where it throws a <see cref="BuildFailure"/>, that gets the serial log so far.
    /// </param>
    /// <returns>The line, and the time from QEMU's start until its last character arrived.</returns>
    /// <exception cref="BuildFailure">The guest did not get that far; the serial log is in the message.</exception>
    public static (string Line, TimeSpan Elapsed) ReadUntil(
        string program, IEnumerable<string> arguments, TimeSpan limit, Func<string, bool> found)
    {
        var watch = Stopwatch.StartNew();
        using Process process = ExternalProgram.Start(ExternalProgram.Redirected(program, arguments));
        using IDisposable end = ExternalProgram.EndWithThisProcess(process);
        var transcript = new StringBuilder();
        try
        {
            while (true)
            {
                Task<string?> next = process.StandardOutput.ReadLineAsync();
                if (!next.Wait(limit > watch.Elapsed ? limit - watch.Elapsed : TimeSpan.Zero))
                {
                    throw new BuildFailure(
                        $"the guest did not get as far as expected within {limit.TotalSeconds} s:");
                }

                if (next.Result is not { } line)
                {
                    throw new BuildFailure($"the guest ended too early:\n{process.StandardError.ReadToEnd()}");
                }

                transcript.AppendLine(line);
                if (found(line))
                {
                    return (line, watch.Elapsed);
                }
            }
        }
        catch (BuildFailure e)
        {
            throw new BuildFailure($"{e.Message.TrimEnd()}\n{transcript}", e);
        }
        finally
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }
    }
}
