using System;
using System.ComponentModel;
using System.Diagnostics;
using System.Threading.Tasks;
using NUnit.Framework;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>Runs a program of the host to its end.</summary>
public static class Tool
{
    /// <summary>Runs it and returns what it printed; a failure or a missing program fails the test.</summary>
    /// <param name="program">Its name on the path.</param>
    /// <param name="package">The Debian package that holds it.</param>
    /// <param name="arguments">Its arguments.</param>
    public static string Run(string program, string package, params string[] arguments)
    {
        return RunWith("", program, package, arguments);
    }

    /// <summary>The same with a text on its standard input.</summary>
    /// <param name="input">The text.</param>
    /// <param name="program">Its name on the path.</param>
    /// <param name="package">The Debian package that holds it.</param>
    /// <param name="arguments">Its arguments.</param>
    public static string RunWith(string input, string program, string package, params string[] arguments)
    {
        using Process process = Start(new ProcessStartInfo(program, arguments), package);
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> error = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(Deadlines.Command))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} did not end within {Deadlines.Command.TotalSeconds} s.");
        }

        string text = output.GetAwaiter().GetResult() + error.GetAwaiter().GetResult();
        if (process.ExitCode != 0)
        {
            Assert.Fail($"{program} {string.Join(' ', arguments)} failed with status {process.ExitCode}:\n{text}");
        }

        return text;
    }

    /// <summary>Starts a program with its three standard streams redirected.</summary>
    public static Process Start(ProcessStartInfo start, string package)
    {
        start.RedirectStandardInput = true;
        start.RedirectStandardOutput = true;
        start.RedirectStandardError = true;
        start.UseShellExecute = false;
        try
        {
            return Process.Start(start) ?? throw new InvalidOperationException($"{start.FileName} did not start.");
        }
        catch (Win32Exception reason)
        {
            throw new AssertionException(
                $"{start.FileName} does not start ({reason.Message}). Install it with: apt-get install {package}",
                reason);
        }
    }
}
