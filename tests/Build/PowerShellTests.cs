using System;
using System.Diagnostics;
using System.IO;
using System.Linq;
using System.Threading.Tasks;
using NUnit.Framework;

namespace VirtioGuest.Build.Tests;

/// <summary>
/// build.ps1, run by PowerShell from the package registry: every argument reaches build.sh as it was typed, and the
/// exit status comes back.
/// </summary>
[Platform(Exclude = "Win", Reason = "On Windows, build.ps1 starts WSL.")]
internal sealed class PowerShellTests
{
    private const string Version = "7.6.9";
    private const string EndOfArgument = "|";

    private static readonly TimeSpan s_installation = TimeSpan.FromMinutes(3);
    private static readonly TimeSpan s_limit = TimeSpan.FromMinutes(2);

    private string _shell = null!;
    private string _folder = null!;

    [OneTimeSetUp]
    public void InstallPowerShell()
    {
        string tools = Path.Combine(MutantTests.Root, "artifacts", "pwsh", Version);
        _shell = Path.Combine(tools, "pwsh");
        if (File.Exists(_shell))
        {
            return;
        }

        (int status, string output) = Run(
            s_installation, "dotnet", "tool", "install", "PowerShell", "--version", Version, "--tool-path", tools);
        if (status != 0)
        {
            Assert.Ignore("PowerShell cannot be installed: " + output);
        }
    }

    [SetUp]
    public void CopyScript()
    {
        _folder = Directory.CreateTempSubdirectory("vg script-").FullName;
        File.Copy(Path.Combine(MutantTests.Root, "build.ps1"), Path.Combine(_folder, "build.ps1"));
    }

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [TestCase("run", "--door", "elf", "--disk", "a.img")]
    [TestCase("run", "--memory", "64", "--", "-append", "run='blk 0 read 0 1; exit'")]
    [TestCase("test", "--filter", "FullyQualifiedName~Disk|FullyQualifiedName~Link")]
    [TestCase("test", "--nightly")]
    [TestCase("bench", "", "two  spaces", "$HOME", "a\"b", "it's", "ümlaut", "*", "?")]
    public void Arguments_arrive_as_they_were_typed(params string[] arguments)
    {
        WriteBuildScript($"printf '%s{EndOfArgument}' \"$@\"");

        (int status, string output) = RunScript(arguments);

        Assert.That(output, Is.EqualTo(string.Concat(arguments.Select(argument => argument + EndOfArgument))));
        Assert.That(status, Is.Zero);
    }

    [TestCase(1)]
    [TestCase(33)]
    public void Exit_status_comes_back(int status)
    {
        WriteBuildScript($"exit {status}");

        Assert.That(RunScript("iso").Status, Is.EqualTo(status));
    }

    private void WriteBuildScript(string command)
    {
        string script = Path.Combine(_folder, "build.sh");
        File.WriteAllText(script, $"#!/bin/sh\n{command}\n");
        if (!OperatingSystem.IsWindows())
        {
            File.SetUnixFileMode(script, UnixFileMode.UserRead | UnixFileMode.UserExecute);
        }
    }

    private (int Status, string Output) RunScript(params string[] arguments) => Run(
        s_limit, _shell, ["-NoProfile", "-NonInteractive", "-File", Path.Combine(_folder, "build.ps1"), .. arguments]);

    private static (int Status, string Output) Run(TimeSpan limit, string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> output = process.StandardOutput.ReadToEndAsync();
        Task<string> errors = process.StandardError.ReadToEndAsync();
        if (!process.WaitForExit(limit))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{program} did not end within {limit}");
        }

        return (process.ExitCode, output.Result + errors.Result);
    }
}
