using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using VirtioGuest.Build.Guest;
using VirtioGuest.Build.Image;

namespace VirtioGuest.Build.Conformance;

/// <summary>Has devices judged by our guest, and makes the reports of what it writes.</summary>
internal static class DeviceRun
{
    /// <returns>0 if nothing came out that should not have, 1 if something did, 2 if nothing could be judged.</returns>
    public static int Run(Workspace workspace, DeviceOptions options)
    {
        DeviceTarget target = DeviceTarget.All.Single(each => each.Name == options.Device);
        if (target.Forms.Count != 0)
        {
            ImageBuild.Run(workspace);
        }

        Directory.CreateDirectory(workspace.Conformance);
        using JudgeProcess judge = new(JudgeProcess.Build(workspace));
        foreach (ConformForm form in target.Forms.Where(each => each.IsServed))
        {
            ConformRun.WriteDisk(Path.Combine(judge.AddMachine(form), "disk.img"));
        }

        List<string> arguments = [target.Name, .. ConformRun.CommonArguments(workspace)];
        arguments.AddRange(target.Forms.SelectMany(each => new[] { "--tap", ReportOf(workspace, target, each) }));
        arguments.AddRange(target.Models is { } models ? ["--models", models, "--only-serve"] : []);
        arguments.AddRange(options.IsRecorded
            ? ConformRun.RecordArguments(workspace, $"./build.sh conform --device {target.Name}", string.Empty)
            : []);
        judge.Serve(arguments);
        foreach (ConformForm form in target.Forms)
        {
            RunGuest(workspace, target, options, form, judge.FolderOf(form));
        }

        return judge.Conclude(arguments);
    }

    private static string ReportOf(Workspace workspace, DeviceTarget target, ConformForm form) =>
        Path.Combine(workspace.Conformance, $"{target.Name}-{form.Name}.serial");

    private static void RunGuest(
        Workspace workspace, DeviceTarget target, DeviceOptions options, ConformForm form, string sockets)
    {
        string disk = Path.Combine(workspace.Conformance, $"{target.Name}-{form.Name}.img");
        ConformRun.WriteDisk(disk);
        IReadOnlyList<string> arguments = target.Arguments(workspace, options, form, disk, sockets);
        (int? status, string output, string errors) = Progress.Step($"judge {target.Name}, {form.Name}", () =>
            ExternalProgram.RunFor(
                TimeSpan.FromSeconds(options.Seconds),
                QemuCommand.Program,
                arguments,
                new Dictionary<string, string>()));
        File.Delete(disk);
        if (output.Length == 0)
        {
            throw new BuildFailure($"the guest wrote nothing:\n{errors}");
        }

        // What came is judged, however QEMU ended: a device that takes its monitor along is a finding.
        File.WriteAllText(ReportOf(workspace, target, form), output);
        if (status is null)
        {
            Console.WriteLine($"QEMU was ended after {options.Seconds} s");
        }
        else if (errors.Length != 0)
        {
            Console.WriteLine(errors.TrimEnd());
        }
    }
}
