using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Labs.Grader;
using VirtioGuest.Labs.Grader.Reports;
using VirtioGuest.Labs.Grader.Rigs;
using VirtioGuest.Labs.Grader.Students;
using VirtioGuest.Recording;

namespace VirtioGuest.Labs.Tests;

/// <summary>
/// Answers pass, starters fail for the reason that they state, and wrong answers are told what is wrong.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class LabTests
{
    private const int FewestWrongAnswers = 5;

    // A page opens at once with as many; only a hang goes on for longer.
    private const int MostSteps = 10_000;
    private const int LongestHang = 50_000;

    /// <summary>What goes wrong before the driver touches a ring.</summary>
    private static readonly string[] s_withoutRing =
    [
        "3: driver-ok-forgotten", "3: enabled-too-early", "3: misaligned-used-ring", "3: queue-not-enabled",
        "3: status-overwritten", "4: capacity-of-32-bits", "4: capacity-of-two-moments", "5: size-after-enable",
        "5: size-not-written",
    ];

    private static IEnumerable<Lab> Labs => Lab.All;

    private static IEnumerable<WrongAnswer> WrongAnswers => WrongAnswer.All;

    private static IEnumerable<WrongAnswer> WrongAnswersAboutRings => WrongAnswers.Where(each => each.Lab.Number > 2);

    [TestCaseSource(nameof(Labs))]
    public void An_answer_gets_all_points(object lab)
    {
        Lab own = (Lab)lab;
        StudentCode code = LabFiles.Compile(LabFiles.Sources(LabFiles.Answer(own)));
        foreach (LabCheck check in own.Checks)
        {
            Assert.That(Told(own, CheckRun.Run(check, code)), Is.Empty, check.Name);
        }
    }

    [TestCaseSource(nameof(Labs))]
    public void A_starter_compiles_without_warnings_and_fails_every_check_with_the_step_to_do(object lab)
    {
        Lab own = (Lab)lab;
        StudentCompilation compilation = StudentCompilation.Compile(LabFiles.Starter(own));
        Assert.That(compilation.Errors.Concat(compilation.Warnings), Is.Empty);
        StudentCode code = new StudentCode(compilation.Library!, compilation.Symbols!);
        foreach (LabCheck check in own.Checks)
        {
            Finding? finding = CheckRun.Run(check, code).Finding;
            Assert.That(finding?.Seen, Does.Contain("still to be done: step"), check.Name);
        }
    }

    [TestCaseSource(nameof(WrongAnswers))]
    public void A_wrong_answer_is_told_what_is_wrong(object answer)
    {
        WrongAnswer wrong = (WrongAnswer)answer;
        StudentCode code = LabFiles.Compile(wrong.Sources());
        LabCheck check = wrong.Lab.Checks.Single(each => each.Name == wrong.Check);
        string told = Told(wrong.Lab, CheckRun.Run(check, code));
        Assert.That(wrong.Says, Has.Length.GreaterThan(0).And.None.Empty, told);
        foreach (string words in wrong.Says)
        {
            Assert.That(told, Does.Contain(words));
        }
    }

    [TestCaseSource(nameof(WrongAnswersAboutRings))]
    public void What_is_wrong_with_a_ring_can_be_watched(object answer)
    {
        WrongAnswer wrong = (WrongAnswer)answer;
        StudentCode code = LabFiles.Compile(wrong.Sources());
        LabCheck check = wrong.Lab.Checks.Single(each => each.Name == wrong.Check);
        string path = Path.Combine(TestContext.CurrentContext.WorkDirectory, $"{Guid.NewGuid():n}.jsonl");
        Finding? finding = null;
        CheckRecording.Run(path, check.Name, () => finding = CheckRun.Run(check, code).Finding);
        if (!File.Exists(path))
        {
            Assert.That(s_withoutRing, Does.Contain(wrong.ToString()), finding?.Seen);
            return;
        }

        Recording.Recording recording = Recording.Recording.Read(path);
        File.Delete(path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(finding, Is.Not.Null);
            Assert.That(recording.Queues, Is.Not.Empty);
            Assert.That(
                recording.Steps.Any(each => each.Kind == StepKind.Failure) || recording.Dropped > 0, Is.True);
            Assert.That(recording.Steps, Has.Count.LessThan(MostSteps).Or.Count.EqualTo(LongestHang));
            Assert.That(
                recording.Places.Select(each => each.File), Has.Some.AnyOf([.. wrong.Sources().Keys]), finding!.Seen);
        }
    }

    [Test]
    public void A_report_has_the_page_of_what_failed_and_none_of_what_passed_since()
    {
        string student = Directory.CreateTempSubdirectory("student").FullName;
        string recordings = Path.Combine(student, "watch");
        WrongAnswer wrong = WrongAnswer.All.First(each => each.Name == "plain-store");
        try
        {
            (string report, string[] files) = Report(wrong.Sources());
            Assert.That(files, Has.Length.GreaterThan(0));
            foreach (string file in files)
            {
                string page = new Uri(Path.ChangeExtension(file, ".html")).AbsoluteUri;
                Assert.That(report, Does.Contain($"watch      {page}#failure"));
            }

            (report, files) = Report(LabFiles.Sources(LabFiles.Answer(wrong.Lab)));
            Assert.That(files, Is.Empty);
            Assert.That(report, Does.Contain("100 of 100 points").And.Not.Contain("watch"));
        }
        finally
        {
            Directory.Delete(student, recursive: true);
        }

        (string Report, string[] Files) Report(Dictionary<string, string> sources)
        {
            foreach ((string name, string text) in sources)
            {
                File.WriteAllText(Path.Combine(student, name), text);
            }

            StringWriter report = new StringWriter();
            TextReport.Write(Grading.Run(wrong.Lab, student, recordings: recordings), report);
            return (report.ToString(), Directory.GetFiles(recordings));
        }
    }

    [TestCaseSource(nameof(Labs))]
    public void A_lab_has_a_text_100_points_and_typical_wrong_answers(object lab)
    {
        Lab own = (Lab)lab;
        using (Assert.EnterMultipleScope())
        {
            Assert.That(own.Points, Is.EqualTo(100));
            Assert.That(Path.Combine(LabFiles.Root, own.Text), Does.Exist);
            Assert.That(
                WrongAnswer.All.Count(each => each.Lab == own), Is.GreaterThanOrEqualTo(FewestWrongAnswers));
            Assert.That(own.Checks.Select(each => each.Clause), Has.All.Matches<string>(each => each.Length > 0));
        }
    }

    /// <summary>What a student reads of a result.</summary>
    private static string Told(Lab lab, CheckResult result) => GradescopeReport.InWords(result, lab);
}
