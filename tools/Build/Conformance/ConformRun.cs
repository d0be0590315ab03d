using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Conformance;

/// <summary>Has a driver run, and has what it did judged.</summary>
internal static class ConformRun
{
    /// <summary>
    /// How long QEMU may run unless told otherwise; firmware that finds nothing to boot takes all of it.
    /// </summary>
    public const int UsualSeconds = 60;

    private const int DiskSectors = 8192;
    private const int SectorLength = 512;

    /// <summary>The end of a guest that QEMU's exit device tells of as a success.</summary>
    private const byte Success = 0x10;

    /// <summary>QEMU's own status then.</summary>
    private const int SucceededStatus = (2 * Success) + 1;

    /// <returns>0 if nothing came out that should not have, 1 if something did, 2 if nothing could be judged.</returns>
    public static int Run(Workspace workspace, ConformOptions options)
    {
        ConformTarget target = ConformTarget.All.Single(each => each.Name == options.Driver);
        CheckNeeds(workspace, target, options);
        if (target.IsOurs)
        {
            ImageBuild.Run(workspace);
        }

        string judge = Build(workspace);
        Directory.CreateDirectory(workspace.Conformance);
        string[] traces = [.. target.Machines.Select(machine => RunGuest(workspace, target, options, machine))];
        return ExternalProgram.RunInteractively("dotnet", [judge, .. JudgeArguments(workspace, target, traces)]);
    }

    /// <summary>Runs the guest on a machine, and returns where its trace is.</summary>
    private static string RunGuest(Workspace workspace, ConformTarget target, ConformOptions options, string machine)
    {
        string name = $"{target.Name}-{machine}";
        string disk = Path.Combine(workspace.Conformance, $"{name}.img");
        string trace = Path.Combine(workspace.Conformance, $"{name}.trace");
        File.Delete(trace);
        WriteDisk(disk);
        IReadOnlyList<string> arguments = target.Arguments(workspace, options, machine, disk);
        (int? status, string output, string errors) = Progress.Step($"run {target.Name} on {machine}", () =>
            ExternalProgram.RunFor(
                TimeSpan.FromSeconds(options.Seconds),
                QemuCommand.Program,
                [.. arguments, .. ConformTarget.Tracing(trace)],
                new Dictionary<string, string>()));
        if (!File.Exists(trace) || new FileInfo(trace).Length == 0)
        {
            throw new BuildFailure($"QEMU wrote no trace:\n{errors}{output}");
        }

        if (target.IsOurs && status != SucceededStatus)
        {
            throw new BuildFailure($"our guest did not do its work on {machine}:\n{errors}{output}");
        }

        if (status is null)
        {
            Console.WriteLine($"QEMU was ended after {options.Seconds} s");
        }

        return trace;
    }

    private static void CheckNeeds(Workspace workspace, ConformTarget target, ConformOptions options)
    {
        if (target.Name == "cosmos" && !File.Exists(workspace.CosmosIso))
        {
            throw new BuildFailure("cosmos needs its kernel's image: ./build.sh cosmos-iso, which needs the devkit");
        }

        if (target.TakesFile && !File.Exists(options.File))
        {
            throw new BuildFailure($"there is no file {options.File}");
        }

        if (target.Needs is { } file && !File.Exists(file))
        {
            throw new BuildFailure($"{target.Name} needs {file}: apt-get install {target.Package}");
        }
    }

    private static string Build(Workspace workspace)
    {
        string project = Path.Combine(workspace.Root, "tools", "Conform", "VirtioGuest.Conform.csproj");
        Progress.Step("compile the judge", () => ExternalProgram.Run(
            "dotnet",
            ["build", project, "-nologo", "-verbosity:quiet", $"-property:ArtifactsPath={workspace.Artifacts}"]));
        return Path.Combine(workspace.Artifacts, "bin", "VirtioGuest.Conform", "debug", "VirtioGuest.Conform.dll");
    }

    private static List<string> JudgeArguments(
        Workspace workspace, ConformTarget target, IEnumerable<string> traces)
    {
        List<string> arguments =
        [
            target.Name,
            "--known", Path.Combine(workspace.Root, "docs", "conformance", "known-failures.txt"),
            "--out", workspace.Conformance,
        ];
        arguments.AddRange(traces.SelectMany(each => new[] { "--trace", each }));
        arguments.AddRange(target.OwnRings is { } rings ? ["--own", rings] : []);
        arguments.AddRange(target.IsGuest ? ["--last"] : []);
        return arguments;
    }

    /// <summary>A disk whose boot sector ends QEMU, so that firmware that boots from it is done.</summary>
    private static void WriteDisk(string path)
    {
        byte[] sector = new byte[SectorLength];
        byte[] program =
        [
            0xBA, 0xF4, 0x00, // mov dx, 0xf4
            0xB0, Success, // mov al, 0x10
            0xEE, // out dx, al
            0xF4, // hlt
            0xEB, 0xFD, // jmp to the hlt
        ];
        program.CopyTo(sector, 0);
        sector[^2] = 0x55;
        sector[^1] = 0xAA;
        using FileStream file = File.Create(path);
        file.Write(sector);
        file.SetLength(DiskSectors * SectorLength);
    }
}
