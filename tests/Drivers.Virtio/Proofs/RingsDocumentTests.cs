using System;
using System.IO;
using System.Linq;
using System.Reflection;
using NUnit.Framework;

namespace VirtioGuest.Drivers.Virtio.Tests.Proofs;

/// <summary>
/// The table of docs/rings.md says what the tests show. With VIRTIOGUEST_WRITE_DOCS=1 it is written instead of
/// compared.
/// </summary>
public class RingsDocumentTests
{
    private const string Start = "<!-- Written by the tests from here: VIRTIOGUEST_WRITE_DOCS=1 -->\n";
    private const string End = "<!-- to here -->\n";

    private static string FileName => Path.Combine(
        typeof(RingsDocumentTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
            .Single(each => each.Key == "Repository").Value!,
        "docs",
        "rings.md");

    [Test]
    public void The_table_of_all_places_is_that_of_the_tests()
    {
        string text = File.ReadAllText(FileName);
        int start = text.IndexOf(Start, StringComparison.Ordinal) + Start.Length;
        int end = text.IndexOf(End, StringComparison.Ordinal);
        Assert.That(start >= Start.Length && end >= start, Is.True, "the marks of the table are missing");
        string table = KillTable.Render();
        if (Environment.GetEnvironmentVariable("VIRTIOGUEST_WRITE_DOCS") == "1")
        {
            File.WriteAllText(FileName, text[..start] + table + text[end..]);
        }

        Assert.That(File.ReadAllText(FileName)[start..].Split(End)[0], Is.EqualTo(table));
    }
}
