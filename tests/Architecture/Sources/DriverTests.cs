using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>A new driver costs at most two edits of files that exist.</summary>
/// <remarks>
/// Counted are the product's files, beside those of the driver's folder and those named after it, whose code names a
/// type of that folder, the constant of its device type or its prefix: whoever adds such a driver edits them. Disks and
/// network cards have owners of their own, and commands.
/// </remarks>
public sealed class DriverTests
{
    private const string Devices = "src/Drivers/Virtio/Devices/";

    private const int MostEdits = 2;

    private static readonly string[] s_owned = ["Block", "Net"];

    public static IEnumerable<string> Drivers => Repository.Below(Devices, ".cs")
        .Select(file => file.Folder[Devices.Length..].TrimEnd('/'))
        .Where(folder => folder.Length != 0 && !folder.Contains('/', StringComparison.Ordinal))
        .Distinct()
        .Except(s_owned);

    [TestCaseSource(nameof(Drivers))]
    public void A_driver_is_named_in_two_other_files_at_most(string driver)
    {
        SourceFile[] own = [.. Repository.Below($"{Devices}{driver}/", ".cs")];
        string[] names =
        [
            .. own.SelectMany(file => Regex.Matches(file.Text, @"\b(?:class|struct|enum|interface) (\w+)"))
                .Select(match => $@"\b{match.Groups[1].Value}\b"),
            .. own.SelectMany(file => Regex.Matches(file.Text, @"\bDeviceTypes\.\w+, (""\w+"")"))
                .Select(match => match.Groups[1].Value),
            $@"\bDeviceTypes\.{driver}\b",
        ];
        Regex name = new(string.Join('|', names));

        string[] edited =
        [
            .. Repository.Below("src/", ".cs")
                .Where(file => !file.IsBelow($"{Devices}{driver}/")
                    && !file.Path[file.Folder.Length..].StartsWith(driver, StringComparison.Ordinal)
                    && file.Lines.Any(line => name.IsMatch(WithoutComment(line))))
                .Select(file => file.Path),
        ];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(edited, Has.Member($"{Devices}VirtioDriver.cs"), "the registry names every driver");
            Assert.That(edited, Has.Length.AtMost(MostEdits));
        }
    }

    [Test]
    public void The_entropy_driver_is_counted() => Assert.That(Drivers, Has.Member("Entropy"));

    private static string WithoutComment(string line)
    {
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        return comment < 0 ? line : line[..comment];
    }
}
