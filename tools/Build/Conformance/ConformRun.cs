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

    /// <returns>0 if nothing came out that should not have, 1 if something did, 2 if nothing could be judged.</returns>
    public static int Run(Workspace workspace, ConformOptions options)
    {
        ConformTarget target = ConformTarget.All.Single(each => each.Name == options.Driver);
        CheckNeeds(workspace, target, options);
        if (target.IsOurs)
        {
            ImageBuild.Run(workspace);
        }

        Directory.CreateDirectory(workspace.Conformance);
        using JudgeProcess judge = new(JudgeProcess.Build(workspace));
        string[] served = [.. target.Forms.Where(form => form.IsServed).Select(judge.AddMachine)];
        foreach (string folder in served)
        {
            WriteDisk(Path.Combine(folder, "disk.img"));
        }

        List<string> arguments = JudgeArguments(workspace, target, options);
        judge.Serve(arguments);
        foreach (ConformForm form in target.Forms)
        {
            RunGuest(workspace, target, options, form, judge.FolderOf(form));
        }

        return judge.Conclude(arguments);
    }

    /// <summary>Runs the guest on a machine, which leaves a trace.</summary>
    private static void RunGuest(
        Workspace workspace, ConformTarget target, ConformOptions options, ConformForm form, string sockets)
    {
        string disk = Path.Combine(workspace.Conformance, $"{target.Name}-{form.Name}.img");
        string trace = TraceOf(workspace, target, form);
        File.Delete(trace);
        WriteDisk(disk);
        IReadOnlyList<string> arguments = target.Arguments(workspace, options, form, disk, sockets);
        (int? status, string output, string errors) = Progress.Step($"run {target.Name}, {form.Name}", () =>
            ExternalProgram.RunFor(
                TimeSpan.FromSeconds(options.Seconds),
                QemuCommand.Program,
                [.. arguments, .. ConformTarget.Tracing(trace)],
                new Dictionary<string, string>()));
        File.Delete(disk);
        if (!File.Exists(trace) || new FileInfo(trace).Length == 0)
        {
            throw new BuildFailure($"QEMU wrote no trace:\n{errors}{output}");
        }

        if (target.HasFailed(status, output))
        {
            throw new BuildFailure($"{target.Name} did not do its work, {form.Name}:\n{errors}{output}");
        }

        if (status is null)
        {
            Console.WriteLine($"QEMU was ended after {options.Seconds} s");
        }
    }

    private static string TraceOf(Workspace workspace, ConformTarget target, ConformForm form) =>
        Path.Combine(workspace.Conformance, $"{target.Name}-{form.Name}.trace");

    /// <summary>What the judge is told in every run, behind the target.</summary>
    public static IEnumerable<string> CommonArguments(Workspace workspace) =>
    [
        "--known", Path.Combine(Kept(workspace), "known-failures.txt"),
        "--out", workspace.Conformance,
    ];

    /// <summary>What has the judge keep a run with the sources.</summary>
    /// <param name="workspace">Where things are.</param>
    /// <param name="command">What was typed.</param>
    /// <param name="version">What was judged, besides QEMU; empty for nothing.</param>
    public static IEnumerable<string> RecordArguments(Workspace workspace, string command, string version)
    {
        string qemu = ExternalProgram.Run(QemuCommand.Program, ["--version"]).Split('\n')[0]
            .Replace("emulator version ", string.Empty, StringComparison.Ordinal);
        return ["--record", Kept(workspace), command, version.Length == 0 ? qemu : $"{version}; {qemu}"];
    }

    private static string Kept(Workspace workspace) => Path.Combine(workspace.Root, "docs", "conformance");

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

    private static List<string> JudgeArguments(Workspace workspace, ConformTarget target, ConformOptions options)
    {
        List<string> arguments = [target.Name, .. CommonArguments(workspace)];
        arguments.AddRange(target.Forms.SelectMany(each => new[] { "--trace", TraceOf(workspace, target, each) }));
        arguments.AddRange(target.OwnRings is { } rings ? ["--own", rings] : []);
        arguments.AddRange(target.IsGuest ? ["--last"] : []);
        arguments.AddRange(options.Odd is { } odd ? ["--odd", odd] : []);
        arguments.AddRange(options.IsRecorded
            ? RecordArguments(workspace, $"./build.sh conform --driver {target.Name}", target.VersionOf(workspace))
            : []);
        return arguments;
    }

    /// <summary>A disk whose boot sector ends QEMU, so that firmware that boots from it is done.</summary>
    public static void WriteDisk(string path)
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
