using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;

namespace VirtioGuest.Build;

/// <summary>Runs other programs.</summary>
internal static class ExternalProgram
{
    /// <summary>Runs a program quietly; its output is shown only when it fails.</summary>
    /// <exception cref="BuildFailure">The program is missing, or its exit status is not 0.</exception>
    /// <returns>What it wrote to standard output.</returns>
    public static string Run(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        StringBuilder output = new();
        StringBuilder all = new();
        using Process process = Start(start);
        using IDisposable end = EndWithThisProcess(process);
        process.OutputDataReceived += (_, line) => Append(line.Data, output, all);
        process.ErrorDataReceived += (_, line) => Append(line.Data, all);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        process.StandardInput.Close();
        process.WaitForExit();
        if (process.ExitCode != 0)
        {
            throw new BuildFailure($"{Path.GetFileName(program)} {Ending(process.ExitCode)}:\n{all}");
        }

        return output.ToString();
    }

    /// <summary>Runs a program on the user's terminal and returns its exit status.</summary>
    public static int RunInteractively(string program, IEnumerable<string> arguments)
    {
        ProcessStartInfo start = new(program, arguments);

        // Ctrl+C is for the program in the foreground; it decides what to do, and this process follows it.
        Console.CancelKeyPress += Ignore;
        try
        {
            using Process process = Start(start);
            using IDisposable end = EndWithThisProcess(process);
            process.WaitForExit();
            return process.ExitCode;
        }
        finally
        {
            Console.CancelKeyPress -= Ignore;
        }

        static void Ignore(object? sender, ConsoleCancelEventArgs e) => e.Cancel = true;
    }

    /// <summary>Starts a program.</summary>
    /// <exception cref="BuildFailure">The program is missing.</exception>
    public static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start) ?? throw new BuildFailure($"{start.FileName} did not start");
        }
        catch (Win32Exception e)
        {
            throw new BuildFailure($"{start.FileName} could not be started: {e.Message}", e);
        }
    }

    /// <summary>
    /// Until disposed, a request to end this process ends the other first, so that no guest outlives its tool.
    /// </summary>
    public static IDisposable EndWithThisProcess(Process process) =>
        PosixSignalRegistration.Create(PosixSignal.SIGTERM, _ =>
        {
            try
            {
                process.Kill(entireProcessTree: true);
            }
            catch (InvalidOperationException)
            {
                // It has ended by itself.
            }
        });

    // Where a signal ended a program, its status is 128 and the signal's number.
    private static string Ending(int status) =>
        status is > 128 and < 160 && !OperatingSystem.IsWindows()
            ? $"was killed by signal {status - 128}"
            : $"failed with status {status}";

    private static void Append(string? line, params StringBuilder[] targets)
    {
        if (line is null)
        {
            return;
        }

        foreach (StringBuilder target in targets)
        {
            lock (target)
            {
                target.AppendLine(line);
            }
        }
    }
}
