using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using NUnit.Framework;
using VirtioGuest.Labs.Grader;
using VirtioGuest.Labs.Grader.Reports;
using VirtioGuest.Labs.Grader.Students;

namespace VirtioGuest.Labs.Tests;

/// <summary>
/// Answers pass, starters fail for the reason that they state, and wrong answers are told what is wrong.
/// </summary>
[Parallelizable(ParallelScope.All)]
public sealed class LabTests
{
    private const int FewestWrongAnswers = 5;

    private static IEnumerable<Lab> Labs => Lab.All;

    private static IEnumerable<WrongAnswer> WrongAnswers => WrongAnswer.All;

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
