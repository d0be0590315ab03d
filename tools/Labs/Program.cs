using System;
using System.CommandLine;
using System.Globalization;
using System.IO;
using System.Linq;
using VirtioGuest.Labs.Grader;
using VirtioGuest.Labs.Grader.Reports;
using VirtioGuest.Labs.Grader.Students;

// The grader starts itself for this: run LAB LIBRARY FIRST PROGRESS, and perhaps the folder of recordings.
if (args is ["run", { } lab, { } library, { } from, { } progress, ..] and { Length: 5 or 6 })
{
    Lab own = Lab.All.Single(each => each.Number == int.Parse(lab, CultureInfo.InvariantCulture));
    using StreamWriter writer = new StreamWriter(progress);
    StudentCode code = new StudentCode(
        File.ReadAllBytes(library), File.ReadAllBytes(Path.ChangeExtension(library, ".pdb")));
    CheckRun.RunAll(own, code, int.Parse(from, CultureInfo.InvariantCulture), writer, args.ElementAtOrDefault(5));

    // Not by returning: a thread that the driver has started may still run.
    writer.Dispose();
    Environment.Exit(0);
    return 0;
}

Argument<int> number = new("lab") { Description = "which lab, 1 to 10" };
Option<DirectoryInfo> files = new("--files") { Description = "the student's files", Required = true };
Option<bool> json = new("--json") { Description = "print Gradescope's results.json" };
Option<bool> junit = new("--junit") { Description = "print JUnit's XML" };
Option<FileInfo?> guest = new("--guest") { Description = "what the driver said in the guest, to be graded instead" };
Option<DirectoryInfo?> recordings = new("--recordings")
{
    Description = "where recordings of what failed go, which become pages of the same name",
};
Option<bool> onlyCompile = new("--only-compile") { Description = "say only whether the files compile" };
RootCommand root = new("Grades a lab.") { number, files, json, junit, guest, recordings, onlyCompile };
root.SetAction(parsed =>
{
    Lab? chosen = Lab.All.FirstOrDefault(each => each.Number == parsed.GetValue(number));
    if (chosen is null)
    {
        Console.Error.WriteLine($"there is no lab {parsed.GetValue(number)}");
        return 2;
    }

    string folder = parsed.GetRequiredValue(files).FullName;
    if (parsed.GetValue(onlyCompile))
    {
        return StudentCompilation.Compile(folder).Library is null ? 1 : 0;
    }

    Grade grade = parsed.GetValue(guest) is { } said
        ? new Grade(chosen, GuestGrading.Grade(File.ReadAllLines(said.FullName)), [], TimeSpan.Zero)
        : Grading.Run(chosen, folder, recordings: parsed.GetValue(recordings)?.FullName);
    Action<Grade, TextWriter> report = parsed.GetValue(json) ? GradescopeReport.Write
        : parsed.GetValue(junit) ? JUnitReport.Write
        : TextReport.Write;
    report(grade, Console.Out);
    return grade.Points == grade.Most && grade.Results.All(each => each.HasPassed) ? 0 : 1;
});
return root.Parse(args).Invoke();
