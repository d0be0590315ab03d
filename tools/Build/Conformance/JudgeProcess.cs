using System;
using System.Collections.Generic;
using System.Diagnostics;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Conformance;

/// <summary>
/// The judge in a process of its own: it serves the devices of machines while these run, then judges and writes the
/// reports.
/// </summary>
internal sealed class JudgeProcess : IDisposable
{
    private const string ServingLine = "serving";

    private readonly string _program;
    private readonly List<string> _machines = [];
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("virtioguest-");
    private Process? _process;

    /// <param name="program">The compiled judge.</param>
    public JudgeProcess(string program)
    {
        _program = program;
    }

    /// <summary>Compiles it.</summary>
    /// <returns>The program.</returns>
    public static string Build(Workspace workspace) =>
        Progress.Step("compile the judge", () => ToolProgram.Compile(workspace, "Conform", "Conform"));

    /// <summary>
    /// Has the devices of a machine served; its folder, which is returned, holds the disk and the sockets, whose paths
    /// must be short.
    /// </summary>
    public string AddMachine(ConformForm form)
    {
        string folder = FolderOf(form);
        Directory.CreateDirectory(folder);
        _machines.Add(folder);
        return folder;
    }

    /// <summary>Where a machine's sockets are.</summary>
    public string FolderOf(ConformForm form) => Path.Combine(_folder.FullName, form.Name);

    /// <summary>Starts it where there are devices to serve, and waits until they are.</summary>
    /// <exception cref="BuildFailure">It ended before that.</exception>
    public void Serve(IReadOnlyList<string> arguments)
    {
        if (_machines.Count == 0)
        {
            return;
        }

        _process = Start([.. arguments, .. _machines.SelectMany(each => new[] { "--serve", each })]);
        while (_process.StandardOutput.ReadLine() is string line)
        {
            if (line == ServingLine)
            {
                return;
            }

            Console.WriteLine(line);
        }

        throw new BuildFailure("the judge ended before any guest ran");
    }

    /// <summary>Has it judge what has happened.</summary>
    /// <returns>Its exit status.</returns>
    public int Conclude(IReadOnlyList<string> arguments)
    {
        _process ??= Start(arguments);
        _process.StandardInput.Close();
        while (_process.StandardOutput.ReadLine() is string line)
        {
            Console.WriteLine(line);
        }

        _process.WaitForExit();
        return _process.ExitCode;
    }

    private Process Start(IEnumerable<string> arguments) => ExternalProgram.Start(
        new ProcessStartInfo("dotnet", [_program, .. arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        });

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }

        _process?.Dispose();
        _folder.Delete(recursive: true);
    }
}
