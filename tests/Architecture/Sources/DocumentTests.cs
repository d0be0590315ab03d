using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>The documents quote what stands in the sources, and name what is there.</summary>
public sealed class DocumentTests
{
    private static readonly SourceFile[] s_sources =
    [
        new("src/A.cs", "class A\n{\n    int B()\n    {\n        C();\n\n        D();\n        E();\n    }\n}\n"),
    ];

    private static IEnumerable<SourceFile> Documents => Repository.Below("", ".md");

    private static SourceFile Guide => Documents.Single(each => each.Path == "docs/write-a-driver.md");

    [Test]
    public void Every_quotation_stands_in_its_file() =>
        Expect.None([.. Documents.SelectMany(each => DocumentGuards.FalseQuotations(each, Repository.Files))]);

    [Test]
    public void Every_path_leads_to_something() =>
        Expect.None([.. Documents.SelectMany(each => DocumentGuards.DeadPaths(each, Repository.Files))]);

    [Test]
    public void The_guide_to_drivers_quotes_all_of_its_code()
    {
        int blocks = Guide.Lines.Count(line => line.TrimStart().StartsWith("```csharp", StringComparison.Ordinal));

        Assert.That(blocks, Is.GreaterThan(0));
        Assert.That(DocumentGuards.Quotations(Guide).Count(), Is.EqualTo(blocks));
    }

    [Test]
    public void The_guide_to_drivers_names_what_is_there() => Expect.None(
        [.. DocumentGuards.DeadNames(Guide, Repository.Below("", ".cs"), ownNames: "Pmem")]);

    [TestCase("```csharp src/A.cs\nint B()\n{\n    C();\n```\n")]
    [TestCase("```csharp src/A.cs\n    int B()\n    {\n        C();\n\n        D();\n```\n")]
    [TestCase("```csharp\nX();\n```\n\n```sh\nls\n```\n", Description = "names no file")]
    [TestCase("```\n```csharp src/A.cs\n```\n", Description = "in another block")]
    public void A_true_quotation_passes(string text) =>
        Assert.That(DocumentGuards.FalseQuotations(new("a.md", text), s_sources), Is.Empty);

    [TestCase("```csharp src/B.cs\nclass B\n```\n", "a.md(1): quotes src/B.cs, which does not exist")]
    [TestCase("```csharp src/A.cs\nint X()\n```\n", "a.md(2): does not stand in src/A.cs like this: int X()")]
    [TestCase("```csharp src/A.cs\nB()\n```\n", "a.md(2): does not stand in src/A.cs like this: B()")]
    [TestCase("```csharp src/A.cs\nC();\nD();\n```\n", "a.md(3): does not stand in src/A.cs like this: D();")]
    [TestCase("```csharp src/A.cs\nint B()\n  {\n```\n", "a.md(3): does not stand in src/A.cs like this: {")]
    [TestCase("\n```csharp src/A.cs\n    }\n}\n\nX();", "a.md(6): does not stand in src/A.cs like this: X();")]
    public void A_false_quotation_is_found(string text, string offence) =>
        Assert.That(DocumentGuards.FalseQuotations(new("a.md", text), s_sources), Is.EqualTo(new[] { offence }));

    [TestCase("`src/A.cs`, `src/A` and `src/`, src/B, `B.cs`", 0)]
    [TestCase("`src/*.cs`, `src/NAME/A.cs here`", 0)]
    [TestCase("`src/B.cs`\n`src/A/`", 2)]
    public void A_path_that_leads_nowhere_is_found(string text, int offences) =>
        Assert.That(DocumentGuards.DeadPaths(new("a.md", text), s_sources).Count(), Is.EqualTo(offences));

    [TestCase("`A`, `Abc`, D and `e`, `C().X`, `PREREAD`", 1)]
    [TestCase("`NewAbc` is made here", 0)]
    public void A_name_of_nothing_is_found(string text, int offences) =>
        Assert.That(DocumentGuards.DeadNames(new("a.md", text), s_sources, "New").Count(), Is.EqualTo(offences));
}
