using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using NUnit.Framework;
using VirtioGuest.Build.Mutants;

namespace VirtioGuest.Build.Tests;

/// <summary>Mutants are read from lists and woven into sources.</summary>
internal sealed class MutantTests
{
    private const string Head = "file src/A.cs\ntests Drivers.Virtio FullyQualifiedName~Net|Name=a b\n\n";

    /// <summary>The repository.</summary>
    internal static string Root => typeof(MutantTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(each => each.Key == "Repository").Value!;

    [Test]
    public void Paragraph_becomes_a_mutant()
    {
        const string Text = Head + """
            # A comment.
            mutant late: It comes late: after all.
            after void B()
            - a();
            -     b();
            + b();
            survives It is a hint.
            """;

        Mutant mutant = MutantList.Parse("a.txt", Text).Single();

        Assert.That(mutant, Is.EqualTo(new Mutant(
            "late",
            "It comes late: after all.",
            "src/A.cs",
            "void B()",
            "a();\nb();",
            "b();",
            new MutantScope("Drivers.Virtio", "FullyQualifiedName~Net|Name=a b"),
            "It is a hint.")));
    }

    [TestCase("mutant a: b\n- c\n+ d", "needs a file", TestName = "Mutant without a file is refused")]
    [TestCase(Head + "mutant a: b\n- c", "needs a line", TestName = "Mutant without a replacement is refused")]
    [TestCase(Head + "mutant a: b\n- c\n+ c", "changes nothing", TestName = "Mutant that changes nothing is refused")]
    [TestCase(Head + "mutant a\n- c\n+ d", "line 4", TestName = "Mutant without a description is refused")]
    [TestCase(Head + "- c", "line 4", TestName = "Line outside a mutant is refused")]
    [TestCase(Head + "mutant a: b\nfile c", "line 5", TestName = "File inside a mutant is refused")]
    public void Malformed_list_is_refused_and_the_place_named(string text, string why)
    {
        BuildFailure? failure = Assert.Throws<BuildFailure>(() => MutantList.Parse("a.txt", text));
        Assert.That(failure?.Message, Does.Contain(why).And.Contains("a.txt"));
    }

    [Test]
    public void Slow_tests_follow_the_line_with_the_others()
    {
        const string Then = "then FullyQualifiedName~Slow\n";
        string text = Head.TrimEnd() + "\n" + Then + "\nmutant a: b\n- c\n+ d\n";
        Assert.That(MutantList.Parse("a.txt", text).Single().Tests.Then, Is.EqualTo("FullyQualifiedName~Slow"));
        Assert.That(() => MutantList.Parse("a.txt", Then), Throws.InstanceOf<BuildFailure>());
    }

    [Test]
    public void Statements_and_expressions_ask_which_mutant_is_on()
    {
        const string Source = "if (x < y)\n{\n    Stop();\n}\n";
        Mutant expression = Create("x < y", "x <= y");
        Mutant statement = Create("Stop();", "");

        string woven = MutantWeave.Weave(Source, [(1, expression), (2, statement)]);

        Assert.That(woven, Is.EqualTo(
            "if ((global::VirtioGuest.Hal.Mutants.Is(1) ? (x <= y) : (x < y)))\n{\n"
            + "    if (global::VirtioGuest.Hal.Mutants.Is(2)) {  } else { Stop(); }\n}\n"));
    }

    [Test]
    public void Two_mutants_of_the_same_place_are_nested()
    {
        string woven = MutantWeave.Weave("Stop();", [(1, Create("Stop();", "")), (2, Create("Stop();", "Go();"))]);
        Assert.That(woven, Is.EqualTo(
            "if (global::VirtioGuest.Hal.Mutants.Is(2)) { Go(); } else { "
            + "if (global::VirtioGuest.Hal.Mutants.Is(1)) {  } else { Stop(); } }"));
    }

    [Test]
    public void Text_that_occurs_twice_needs_a_mark()
    {
        const string Source = "void A() { Stop(); }\nvoid B() { Stop(); }";
        Assert.That(
            () => MutantWeave.Weave(Source, [(1, Create("Stop();", ""))]),
            Throws.TypeOf<BuildFailure>().With.Message.Contains("more than once"));
        string woven = MutantWeave.Weave(Source, [(1, Create("Stop();", "") with { After = "void B()" })]);
        Assert.That(woven, Does.StartWith("void A() { Stop(); }\nvoid B() { if ("));
    }

    [Test]
    public void Every_mutant_of_the_lists_fits_the_sources()
    {
        IReadOnlyList<Mutant> mutants = MutantList.ReadAll(Path.Combine(Root, "tests", "Mutants"));
        IReadOnlyList<IReadOnlyList<int>> groups = MutantWeave.Divide(Root, mutants);
        Assert.That(groups.Sum(group => group.Count), Is.EqualTo(mutants.Count));
        Assert.That(mutants, Has.Count.GreaterThanOrEqualTo(120));
        foreach (Mutant mutant in mutants)
        {
            Assert.That(Directory.Exists(Path.Combine(Root, "tests", mutant.Tests.Project)), Is.True, mutant.Name);
        }
    }

    private static Mutant Create(string original, string replacement) => new(
        "name", "what", "src/A.cs", null, original, replacement, new MutantScope("A", "B"), null);
}
