using System;
using System.Collections.Generic;
using System.ComponentModel;
using System.Diagnostics;
using System.IO;
using System.Runtime.InteropServices;
using System.Text;
using System.Threading.Tasks;

namespace VirtioGuest.Build;

/// <summary>Runs other programs.</summary>
internal static class ExternalProgram
{
    /// <summary>Runs a program quietly; its output is shown only when it fails.</summary>
    /// <exception cref="BuildFailure">The program is missing, or its exit status is not 0.</exception>
    /// <returns>What it wrote to standard output.</returns>
    public static string Run(string program, IEnumerable<string> arguments)
    {
        var output = new StringBuilder();
        var all = new StringBuilder();
        using Process process = Start(Redirected(program, arguments));
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

    /// <summary>Runs a program quietly, and kills it with its children when its time is up.</summary>
    /// <exception cref="BuildFailure">The program is missing.</exception>
    /// <returns>Its exit status, null if it was killed, and what it wrote.</returns>
    public static (int? Status, string Output, string Errors) RunFor(
        TimeSpan limit, string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        ProcessStartInfo start = Redirected(program, arguments);
        foreach ((string name, string value) in environment)
        {
            start.Environment[name] = value;
        }

        using Process process = Start(start);
        using IDisposable end = EndWithThisProcess(process);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        bool ended = process.WaitForExit(limit < TimeSpan.Zero ? TimeSpan.Zero : limit);
        if (!ended)
        {
            process.Kill(entireProcessTree: true);
            process.WaitForExit();
        }

        return (ended ? process.ExitCode : null, output.Result, errors.Result);
    }

    /// <summary>Runs a program on the user's terminal and returns its exit status.</summary>
    public static int RunInteractively(string program, IEnumerable<string> arguments)
    {
        // Ctrl+C is for the program in the foreground. It decides what to do, and this process waits for it.
        Console.CancelKeyPress += Ignore;
        try
        {
            using Process process = Start(new ProcessStartInfo(program, arguments));
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

    /// <summary>What starts a program with its input, output and errors in the hands of this process.</summary>
    public static ProcessStartInfo Redirected(string program, IEnumerable<string> arguments) => new(program, arguments)
    {
        RedirectStandardInput = true,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

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
    /// Until disposed, a request to end this process ends the other one first, so that no guest outlives this tool.
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
                // It has already ended.
            }
        });

    // The exit status of a program that a signal killed is 128 plus the signal's number.
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
