using System;
using System.Collections.Generic;
using System.Linq;
using NUnit.Framework;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>The sources keep the style that no analyzer watches.</summary>
public sealed class StyleTests
{
    [Test]
    public void The_repository_is_read_and_its_build_output_is_not()
    {
        string[] paths = [.. Repository.Files.Select(file => file.Path)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(paths, Has.Member("src/Hal/Barriers.cs"));
            Assert.That(paths, Has.Member(".editorconfig"));
            Assert.That(paths, Has.None.Contains("/obj/"));
            Assert.That(paths, Has.None.StartsWith(".git/"));
        }
    }

    [Test]
    public void No_code_is_hidden_in_regions() => Check(StyleGuards.Regions, Repository.Below("", ".cs"));

    [Test]
    public void Pointers_stay_where_they_belong() =>
        Check(StyleGuards.Pointers, Repository.Below("src/", ".cs").Concat(Repository.Below("tools/", ".cs")));

    [Test]
    public void A_namespace_is_a_folder() => Check(StyleGuards.Namespaces, Repository.Below("src/", ".cs"));

    [Test]
    public void Lines_have_no_tabs_and_end_in_line_feeds() => Check(StyleGuards.Layout, Repository.Files);

    [Test]
    public void Lines_of_code_fit_on_a_screen() => Check(StyleGuards.LongLines, Repository.Below("", ".cs"));

    [Test]
    public void No_file_names_a_path_of_one_machine() => Check(StyleGuards.MachinePaths, Repository.Files);

    [TestCase("#region Fields\n", 1)]
    [TestCase("class A\n{\n    # region B\n    # endregion\n}\n", 1)]
    [TestCase("// #region\n/*\n#region\n*/\nstring a = \"\"\"\n    #region\n    \"\"\";\n", 0)]
    public void Regions_are_found_in_code_only(string text, int offences) =>
        Assert.That(StyleGuards.Regions(new("src/Net/A.cs", text)).Count(), Is.EqualTo(offences));

    [TestCase("src/Net/A.cs", "public static unsafe class A;\n", 1)]
    [TestCase("src/Kernel/Services/A.cs", "string a = $\"{Read(() => { unsafe { return *p; } })}\";\n", 1)]
    [TestCase("src/Net/A.cs", "// unsafe\nchar a = '\"'; string b = \"unsafe \\\" unsafe\" + @\"unsafe\\\";\n", 0)]
    [TestCase("src/Net/A.cs", "string a = $@\"\"\"{{unsafe}}\"\" {b} \\\" + $\"{{unsafe\\\"\";\n", 0)]
    [TestCase("src/Net/A.cs", "string a = $$\"\"\"{unsafe} \"unsafe\" \"\"\" + \"\"\"\n  unsafe\n  \"\"\";\n", 0)]
    [TestCase("src/Net/A.cs", "string a = $$\"\"\"{{{unsafe}}}\"\"\" + $\"{(b ? \"unsafe\" : c)}\";\n", 1)]
    [TestCase("src/Kernel/Machine/A.cs", "public static unsafe class A;\n", 0)]
    [TestCase("src/Drivers/Virtio/Rings/A.cs", "public static unsafe class A;\n", 0)]
    [TestCase("src/Drivers/Virtio/Block/A.cs", "public static unsafe class A;\n", 1)]
    public void Unsafe_is_found_in_code_only(string path, string text, int offences) =>
        Assert.That(StyleGuards.Pointers(new(path, text)).Count(), Is.EqualTo(offences));

    [TestCase("src/Net/Wire/A.cs", "using System;\n\nnamespace VirtioGuest.Net.Wire;\n", 0)]
    [TestCase("src/Net/Wire/A.cs", "namespace VirtioGuest.Net;\n", 1)]
    [TestCase("src/Net/Wire/A.cs", "namespace VirtioGuest.Net.Wire\n{\n}\n", 1)]
    [TestCase("src/Net/Wire/A.cs", "// namespace VirtioGuest.Net.Wire;\nclass A;\n", 1)]
    [TestCase("src/Net/Wire/A.cs", "namespace", 1)]
    [TestCase("src/LibOS/Corelib/A.cs", "namespace System;\n", 0)]
    [TestCase("src/Cosmos/VirtioGuest.Cosmos/Net/A.cs", "namespace VirtioGuest.Cosmos.Net;\n", 0)]
    [TestCase("src/Cosmos/VirtioGuest.Cosmos.Plugs/A.cs", "namespace VirtioGuest.Cosmos;\n", 1)]
    public void A_namespace_that_is_not_its_folder_is_found(string path, string text, int offences) =>
        Assert.That(StyleGuards.Namespaces(new(path, text)).Count(), Is.EqualTo(offences));

    [TestCase("a.md", "a\n", 0)]
    [TestCase("a.md", "", 0)]
    [TestCase("a.md", "a\n\tb\n", 1)]
    [TestCase("a.sln", "a\n\tb\n", 0)]
    [TestCase("a.md", "a\r\nb\r\n", 2)]
    [TestCase("a.md", "a\nb", 1)]
    public void Tabs_and_wrong_line_ends_are_found(string path, string text, int offences) =>
        Assert.That(StyleGuards.Layout(new(path, text)).Count(), Is.EqualTo(offences));

    [TestCase(120, 0)]
    [TestCase(121, 1)]
    public void A_long_line_is_found(int length, int offences) =>
        Assert.That(StyleGuards.LongLines(new("A.cs", $"{new string('a', length)}\n")).Count(), Is.EqualTo(offences));

    [TestCase("home", "cd {0}/someone", 1)]
    [TestCase("tmp", "out={0}", 1)]
    [TestCase("work", "\"{0}/main\"", 1)]
    [TestCase("root", "COPY a {0}/", 1)]
    [TestCase("tmp", "out=$folder{0}/x", 0)]
    [TestCase("tmp", "../a{0}", 0)]
    [TestCase("root", "{0}s of trees", 0)]
    public void A_path_of_one_machine_is_found(string folder, string line, int offences)
    {
        SourceFile file = new("a.sh", string.Format(null, line, $"/{folder}"));

        Assert.That(StyleGuards.MachinePaths(file).Count(), Is.EqualTo(offences));
    }

    private static void Check(Func<SourceFile, IEnumerable<string>> guard, IEnumerable<SourceFile> files)
    {
        SourceFile[] all = [.. files];

        Assert.That(all, Is.Not.Empty, "there is nothing to read");
        Expect.None([.. all.SelectMany(guard)]);
    }
}
