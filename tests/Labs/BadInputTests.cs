using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Xml.Linq;
using NUnit.Framework;
using VirtioGuest.Labs.Grader;
using VirtioGuest.Labs.Grader.Reports;

namespace VirtioGuest.Labs.Tests;

/// <summary>A student's file may do anything: it costs the checks that it spoils, and nothing else.</summary>
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
[Parallelizable(ParallelScope.All)]
public sealed class BadInputTests
{
    private static readonly Lab s_lab = Lab.All.Single(each => each.Number == 1);

    /// <summary>How long a check may take: shorter where one is to be ended.</summary>
    private TimeSpan Limit { get; set; } = TimeSpan.FromSeconds(60);

    private string _folder = string.Empty;

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("student").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void No_file_is_one_clear_message_and_no_points()
    {
        string text = Grade(out Grade grade);
        Assert.That(text, Does.Contain("there is no C# file in"));
        Assert.That(grade.Points, Is.Zero);
        Assert.That(grade.Most, Is.EqualTo(100));
    }

    [Test]
    public void A_file_that_does_not_compile_is_told_with_file_line_and_a_hint()
    {
        string text = Change("return device;", "return device");
        Assert.That(text, Does.Contain("Finder.cs, line 35: ; expected (CS1002)"));
        Assert.That(text, Does.Contain("the same as above"));
    }

    [Test]
    public void Pointers_are_not_needed() => Assert.That(
        Change("byte? Find(", "unsafe byte? Find("), Does.Contain("pointers are not needed"));

    [Test]
    public void A_method_that_is_missing_is_told() => Assert.That(
        Change("public override byte? Find(", "public byte? Search("),
        Does.Contain("a method of the starter is missing"));

    [Test]
    public void A_class_that_is_missing_is_told() => Assert.That(
        Grade(out _, ("Other.cs", "public class Other { }")), Does.Contain("no class is derived from DeviceFinder"));

    [Test]
    public void A_loop_that_asks_the_machine_nothing_is_ended_and_named_and_the_rest_is_graded()
    {
        Limit = TimeSpan.FromSeconds(4);
        string text = Change(
            "if ((space.Read16(Status) & HasCapabilities) == 0)\n        {",
            "if ((space.Read16(Status) & HasCapabilities) == 0)\n        {\n            while (device < 99) ;\n",
            out Grade grade);
        Assert.That(text, Does.Contain("loops for ever and asks the machine nothing"));
        Assert.That(grade.Points, Is.EqualTo(95));
    }

    [Test]
    public void A_stack_overflow_is_named_and_the_rest_is_graded()
    {
        string text = Change(
            "            return null;\n        }\n\n        space",
            "            VirtioFunction? Deep(int n) => Deep(n + 1) ?? Deep(n);\n"
                + "            return Deep(0);\n        }\n\n        space",
            out Grade grade);
        Assert.That(text, Does.Contain("calls itself without end"));
        Assert.That(grade.Points, Is.EqualTo(95));
    }

    [Test]
    public void An_end_of_the_program_is_named_and_the_rest_is_graded()
    {
        string text = Change(
            "            return null;\n        }\n\n        space",
            "            System.Environment.Exit(0);\n        }\n\n        space",
            out Grade grade);
        Assert.That(text, Does.Contain("ended the whole program (Environment.Exit)"));
        Assert.That(grade.Points, Is.EqualTo(95));
    }

    [Test]
    public void An_exception_is_told_with_its_line()
    {
        string text = Change(
            "        return null;\n    }\n\n    public",
            "        throw new System.FormatException(\"mine\");\n    }\n\n    public");
        Assert.That(text, Does.Contain("threw FormatException: mine (Finder.cs, line 39)"));
    }

    [Test]
    public void An_access_outside_of_configuration_space_is_told_with_its_line() => Assert.That(
        Change("byte kind = space.Read8(at + 3);", "byte kind = space.Read8(at + 300);"),
        Does.Contain("256 bytes").And.Contain("Finder.cs, line "));

    [Test]
    public void A_constructor_that_throws_is_told() => Assert.That(
        Change(
            "    public override byte? Find(",
            "    public Finder() => throw new System.FormatException();\n\n    public override byte? Find("),
        Does.Contain("the constructor of Finder threw FormatException"));

    [Test]
    public void What_a_driver_writes_to_the_console_is_shown_and_disturbs_no_report()
    {
        string text = Change(
            "space.Write16(Command,",
            "System.Console.WriteLine(\"end 3 null\");\n        space.Write16(Command,",
            out Grade grade);
        Assert.That(text, Does.Contain("the driver wrote: end 3 null"));
        Assert.That(grade.Points, Is.EqualTo(100));
    }

    [Test]
    public void Both_machine_readable_reports_can_be_read()
    {
        Change("return device;", "throw new System.FormatException(\"<\\u0001&]]>\");", out Grade grade);
        StringWriter json = new StringWriter();
        GradescopeReport.Write(grade, json);
        using JsonDocument read = JsonDocument.Parse(json.ToString());
        Assert.That(read.RootElement.GetProperty("score").GetInt32(), Is.EqualTo(80));
        Assert.That(read.RootElement.GetProperty("tests").GetArrayLength(), Is.EqualTo(7));
        StringWriter xml = new StringWriter();
        JUnitReport.Write(grade, xml);
        XElement suite = XElement.Parse(xml.ToString()).Element("testsuite")!;
        Assert.That(suite.Attribute("failures")!.Value, Is.EqualTo("1"));
        string failure = suite.Elements("testcase").Elements("failure").Single().Value;
        Assert.That(failure, Does.Contain("threw FormatException: <?&]]>"));
    }

    private string Change(string right, string wrong) => Change(right, wrong, out _);

    /// <summary>Grades the answer with a change.</summary>
    private string Change(string right, string wrong, out Grade grade)
    {
        Dictionary<string, string> sources = LabFiles.Sources(LabFiles.Answer(s_lab));
        string source = sources["Finder.cs"];
        Assert.That(source.Split(right), Has.Length.EqualTo(2), "the answer has it once");
        return Grade(out grade, ("Finder.cs", source.Replace(right, wrong, StringComparison.Ordinal)));
    }

    private string Grade(out Grade grade, params (string Name, string Text)[] files)
    {
        foreach ((string name, string text) in files)
        {
            File.WriteAllText(Path.Combine(_folder, name), text);
        }

        grade = Grading.Run(s_lab, _folder, Limit);
        StringWriter report = new StringWriter();
        TextReport.Write(grade, report);
        return string.Join(' ', report.ToString().Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
    }
}
