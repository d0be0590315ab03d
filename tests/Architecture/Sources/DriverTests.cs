using System;
using System.Collections.Generic;
using System.Linq;
using System.Text.RegularExpressions;
using NUnit.Framework;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>A new driver costs at most two edits of files that exist.</summary>
/// <remarks>
/// <para>
/// Counted are the product's files outside the driver's folder whose code names a type of that folder, the constant of
/// its device type or its prefix: whoever adds such a driver edits them. Disks and network cards are not counted: they
/// have owners and commands of their own.
/// </para>
/// <para>
/// A kernel may have a use of its own for a device. That is no part of adding the driver: the files that it takes are
/// listed here by name, and no others are allowed.
/// </para>
/// </remarks>
public sealed class DriverTests
{
    private const string Devices = "src/Drivers/Virtio/Devices/";

    private const int MaximumEdits = 2;

    private static readonly string[] s_owned = ["Block", "Net"];

    private static readonly Dictionary<string, string[]> s_uses = new()
    {
        // Entropy devices and their drivers are judged, and the unikernel mixes what they give into its random numbers.
        ["Entropy"] =
        [
            "src/Conformance/Registry/RequirementRegistry.cs",
            "src/DeviceConformance/DeviceJudge.cs",
            "src/DeviceConformance/DeviceKind.cs",
            "src/DeviceConformance/EntropyTests.cs",
            "src/Kernel/Binding/DeviceBinder.cs",
            "src/Kernel/KernelStart.cs",
            "src/Kernel/Services/EntropyFeed.cs",
        ],
    };

    public static IEnumerable<string> Drivers => Repository.Below(Devices, ".cs")
        .Select(file => file.Folder[Devices.Length..].TrimEnd('/'))
        .Where(folder => folder.Length != 0 && !folder.Contains('/', StringComparison.Ordinal))
        .Distinct()
        .Except(s_owned);

    [TestCaseSource(nameof(Drivers))]
    public void A_driver_is_named_in_two_other_files_at_most(string driver)
    {
        string[] uses = s_uses.GetValueOrDefault(driver, []);

        string[] naming = [.. FilesThatName(driver)];

        using (Assert.EnterMultipleScope())
        {
            Assert.That(naming, Has.Member($"{Devices}VirtioDriver.cs"), "the registry names every driver");
            Assert.That(naming.Except(uses).ToArray(), Has.Length.AtMost(MaximumEdits));
            Assert.That(uses, Is.SubsetOf(naming), "a use that is gone leaves the list");
        }
    }

    [Test]
    public void The_entropy_driver_is_counted_with_its_use()
    {
        Assert.That(Drivers, Has.Member("Entropy"));
        Assert.That(FilesThatName("Entropy"), Is.SupersetOf(s_uses["Entropy"]));
    }

    private static IEnumerable<string> FilesThatName(string driver)
    {
        SourceFile[] own = [.. Repository.Below($"{Devices}{driver}/", ".cs")];
        SourceFile[] others = [.. Repository.Below("src/", ".cs").Except(own)];
        string[] names =
        [
            .. own.SelectMany(TypesOf),
            .. own.SelectMany(file => Regex.Matches(file.Text, @"\bDeviceTypes\.\w+, (""\w+"")"))
                .Select(match => match.Groups[1].Value),
            $@"\bDeviceTypes\.{driver}\b",
        ];

        // Such a file that is called after the driver may hide it: what names its types uses the driver too.
        string[] further =
        [
            .. others.Where(file => file.Path[file.Folder.Length..].StartsWith(driver, StringComparison.Ordinal))
                .Where(file => Names(file, names))
                .SelectMany(TypesOf),
        ];
        return others.Where(file => Names(file, [.. names, .. further])).Select(file => file.Path);
    }

    private static IEnumerable<string> TypesOf(SourceFile file) =>
        Regex.Matches(file.Text, @"\b(?:class|struct|enum|interface) (\w+)")
            .Select(match => $@"\b{match.Groups[1].Value}\b");

    private static bool Names(SourceFile file, string[] names)
    {
        Regex name = new(string.Join('|', names));
        return file.Lines.Any(line => name.IsMatch(WithoutComment(line)));
    }

    private static string WithoutComment(string line)
    {
        int comment = line.IndexOf("//", StringComparison.Ordinal);
        return comment < 0 ? line : line[..comment];
    }
}
