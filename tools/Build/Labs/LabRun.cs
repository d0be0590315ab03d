using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Labs;

/// <summary>Grades a lab: builds the grader, and for <c>--boot</c> a guest with the student's driver in it.</summary>
internal static class LabRun
{
    /// <summary>The last lab.</summary>
    public const int Last = 10;

    /// <summary>The last lab that has something to do in the guest.</summary>
    public const int LastBootable = 7;

    private const int SectorLength = 512;
    private const int DiskSectors = 2048;

    private static readonly TimeSpan s_guestLimit = TimeSpan.FromSeconds(30);

    private static readonly string[] s_inputs =
    [
        "tools/Labs", "labs/Kit", "src/Hal", "src/Pci", "src/Devices", "src/Simulation", "src/Conformance",
        "src/Recording", "src/VhostUser",
    ];

    /// <returns>0 if all points were reached, 1 if not, 2 if nothing could be graded.</returns>
    public static int Run(Workspace workspace, LabOptions options)
    {
        // Standard output is the report's where a program reads it.
        TextWriter output = Console.Out;
        if (options.Report != LabReport.Text)
        {
            Console.SetOut(Console.Error);
        }

        string grader = ToolProgram.CompileOnce(workspace, "Labs", "Labs.Grader", s_inputs);
        string files = FilesOf(workspace, options);
        List<string> arguments =
        [
            grader, options.Number.ToString(CultureInfo.InvariantCulture), "--files", files,
            .. options.Report switch
            {
                LabReport.Json => ["--json"],
                LabReport.JUnit => ["--junit"],
                _ => Array.Empty<string>(),
            },
        ];
        if (options.Boots)
        {
            // What does not compile is said in the grader's words, and nothing is booted.
            (int? compiled, _, _) = ExternalProgram.RunFor(
                s_guestLimit, "dotnet", [.. arguments, "--only-compile"], new Dictionary<string, string>());
            arguments.AddRange(compiled == 0 ? ["--guest", Boot(workspace, options, files)] : []);
        }

        Console.SetOut(output);
        if (options.Boots || options.Report != LabReport.Text)
        {
            return ExternalProgram.RunInteractively("dotnet", arguments);
        }

        // A report for people names pages to open.
        string recordings = Path.Combine(workspace.Artifacts, "labs", "watch");
        int status = ExternalProgram.RunInteractively("dotnet", [.. arguments, "--recordings", recordings]);
        string those = $"lab-{options.Number}-*.jsonl";
        try
        {
            Tracing.MakePages(
                workspace,
                Directory.Exists(recordings) ? [.. Directory.EnumerateFiles(recordings, those)] : [],
                files);
        }
        catch (BuildFailure failure)
        {
            Console.Error.WriteLine($"The grade stands, but there are no pages to watch: {failure.Message}");
        }

        return status;
    }

    private static string FilesOf(Workspace workspace, LabOptions options)
    {
        string labs = Path.Combine(workspace.Root, "labs");
        string folder = options.IsSolution ? Path.Combine(labs, "answers") : labs;
        string prefix = options.Number.ToString("00", CultureInfo.InvariantCulture) + "-";
        return options.Files is { } files ? Path.GetFullPath(files)
            : Directory.Exists(folder) && Directory.GetDirectories(folder, prefix + "*") is [string found] ? found
            : throw new BuildFailure(options.IsSolution
                ? $"there is no answer to lab {options.Number} here: labs/answers is not published with the labs"
                : $"there is no folder labs/{prefix}*");
    }

    /// <summary>Boots the student's driver, and returns the file with what the guest said.</summary>
    private static string Boot(Workspace workspace, LabOptions options, string files)
    {
        string folder = Path.Combine(workspace.Artifacts, "labs");
        Directory.CreateDirectory(folder);
        Workspace guest = workspace.ForLab(files);
        ImageBuild.Run(guest);
        string disk = Path.Combine(folder, $"disk-{options.Number}.img");
        File.WriteAllBytes(disk, Content());
        (int? status, string output, string errors) = Progress.Step("run the guest", () => ExternalProgram.RunFor(
            s_guestLimit, QemuCommand.Program, Machine(guest, disk), new Dictionary<string, string>()));
        string said = Path.Combine(folder, $"guest-{options.Number}.txt");
        string end = status is null ? $"lab: killed after {s_guestLimit.TotalSeconds:0} s\n" : string.Empty;
        File.WriteAllText(said, $"lab: disk {disk}\n{output}\n{errors}\n{end}");
        return said;
    }

    /// <summary>The disk of lab 4: the grader works out the same.</summary>
    private static byte[] Content()
    {
        byte[] content = new byte[DiskSectors * SectorLength];
        new Random(4).NextBytes(content);
        return content;
    }

    private static IEnumerable<string> Machine(Workspace guest, string disk) =>
    [
        "-accel", "tcg",
        "-machine", "q35",
        "-cpu", "max",
        "-m", "256",
        "-display", "none",
        "-nodefaults",
        "-no-reboot",
        "-serial", "stdio",
        "-monitor", "none",
        "-device", "isa-debug-exit,iobase=0xf4,iosize=0x04",
        "-kernel", guest.Elf,
        "-drive", $"if=none,id=disk,format=raw,readonly=on,file={disk.Replace(",", ",,", StringComparison.Ordinal)}",
        "-device", "virtio-blk-pci,drive=disk,addr=0x7,disable-legacy=on,packed=off",
        "-device", "virtio-rng-pci,addr=0x5,disable-legacy=on,packed=on",
    ];
}
