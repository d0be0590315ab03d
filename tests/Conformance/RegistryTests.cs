using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text.RegularExpressions;
using NUnit.Framework;
using VirtioGuest.Conformance.Registry;
using VirtioGuest.Conformance.Reports;

namespace VirtioGuest.Conformance.Tests;

/// <summary>The registry has every normative block, and what it says of itself is true.</summary>
public sealed partial class RegistryTests
{
    /// <summary>How many normative blocks virtio 1.4 has in each area, of the driver and of the device.</summary>
    private static readonly Dictionary<string, (int Driver, int Device)> s_blocks = new()
    {
        ["general"] = (10, 9),
        ["split"] = (10, 6),
        ["packed"] = (6, 3),
        ["pci"] = (10, 14),
        ["mmio"] = (3, 1),
        ["blk"] = (2, 2),
        ["net"] = (16, 16),
        ["rng"] = (1, 1),
    };

    private static IReadOnlyList<Requirement> All => RequirementRegistry.All.Requirements;

    private static string Root => typeof(RegistryTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(each => each.Key == "Repository").Value!;

    [Test]
    public void Every_block_of_the_areas_is_there_with_all_its_words()
    {
        IGrouping<(string Area, Side Side, RequirementBlock Block), Requirement>[] blocks =
            [.. All.Where(each => each.Block.Source.Length != 0).GroupBy(each => (each.Area, each.Side, each.Block))];

        using (Assert.EnterMultipleScope())
        {
            foreach ((string area, (int driver, int device)) in s_blocks)
            {
                Assert.That(
                    blocks.Count(each => each.Key.Area == area && each.Key.Side == Side.Driver),
                    Is.EqualTo(driver),
                    area);
                Assert.That(
                    blocks.Count(each => each.Key.Area == area && each.Key.Side == Side.Device),
                    Is.EqualTo(device),
                    area);
            }

            foreach (var block in blocks)
            {
                foreach (Level level in new[] { Level.Must, Level.Should, Level.May })
                {
                    int words = block.Where(each => each.Level == level).Sum(each => each.Words);
                    Assert.That(words, Is.EqualTo(block.Key.Block.Count(level)), $"{block.Key.Block} {level}");
                }
            }
        }
    }

    [Test]
    public void Areas_are_those_of_the_specification() =>
        Assert.That(RequirementRegistry.Areas, Is.EquivalentTo(s_blocks.Keys));

    [Test]
    public void No_ID_is_given_twice_and_none_is_left_out()
    {
        using (Assert.EnterMultipleScope())
        {
            Assert.That(All.Select(each => each.Id), Is.Unique);
            foreach (var group in All.GroupBy(each => (each.Area, each.Side)))
            {
                Assert.That(
                    group.Select(each => int.Parse(each.Id[(each.Id.LastIndexOf('.') + 1)..], null)),
                    Is.EqualTo(Enumerable.Range(1, group.Count())),
                    group.Key.ToString());
            }
        }
    }

    [Test]
    public void What_is_tested_names_a_test_and_what_is_not_checked_a_reason()
    {
        HashSet<string> tests = [.. TestsOfTheRepository()];

        using (Assert.EnterMultipleScope())
        {
            foreach (Requirement each in All)
            {
                switch (each.Check)
                {
                    case Check.Tested:
                    case Check.Static:
                        Assert.That(tests, Has.Member(each.Evidence), each.Id);
                        break;
                    case Check.Audited:
                        Assert.That(each.Evidence, Is.Empty, each.Id);
                        break;
                    default:
                        Assert.That(each.Evidence, Is.Not.Empty, each.Id);
                        break;
                }

                Assert.That(each.Text, Does.EndWith("."), each.Id);
            }
        }
    }

    [Test]
    public void Nine_in_ten_MUSTs_that_apply_are_checked()
    {
        using (Assert.EnterMultipleScope())
        {
            foreach (Side side in new[] { Side.Driver, Side.Device })
            {
                (int Checked, int Total)[] counts =
                [
                    .. RequirementRegistry.Areas
                        .Select(each => RequirementRegistry.All.Count(each, side, Level.Must)),
                ];
                int done = counts.Sum(each => each.Checked);
                int total = counts.Sum(each => each.Total);
                TestContext.Out.WriteLine($"{side}: {done} of {total}");
                Assert.That(10 * done, Is.GreaterThanOrEqualTo(9 * total), side.ToString());
            }
        }
    }

    [Test]
    public void The_README_tells_how_many_are_checked()
    {
        StringWriter table = new() { NewLine = "\n" };
        SummaryText.WriteCoverage(table);

        Assert.That(File.ReadAllText(Path.Combine(Root, "README.md")), Does.Contain(table.ToString()));
    }

    [TestCase("driver 2.1 | Title", "1 | MUST | failure | audited", "columns")]
    [TestCase("driver 2.1 | Title", "1 | OUGHT | failure | audited | Text.", "level")]
    [TestCase("driver 2.1 | Title", "1 | MUST | odd | audited | Text.", "severity")]
    [TestCase("driver 2.1 | Title", "1 | MUST | failure | guessed | Text.", "way to check")]
    [TestCase("driver 2.1 | Title", "x | MUST | failure | audited | Text.", "no block")]
    [TestCase("nobody 2.1 | Title", "1 | MUST | failure | audited | Text.", "no side")]
    [TestCase("", "1 | MUST | failure | audited | Text.", "in no block")]
    public void A_table_that_makes_no_sense_is_refused_by_its_line(string block, string line, string why) =>
        Assert.That(
            () => RequirementRegistry.Read("general", [block, line]),
            Throws.TypeOf<FormatException>().With.Message.Contains(why));

    [Test]
    public void An_ID_that_is_there_already_is_refused() =>
        Assert.That(
            () => RequirementRegistry.Read(
                "general",
                ["driver 2.1 | Title", "1 | MUST | failure | audited | One.", "1 | MUST | failure | audited | Two."]),
            Throws.TypeOf<FormatException>().With.Message.Contains("drv.general.1 is there already"));

    private static IEnumerable<string> TestsOfTheRepository() =>
        Directory.EnumerateFiles(Path.Combine(Root, "tests"), "*.cs", SearchOption.AllDirectories)
            .SelectMany(file => TestName().Matches(File.ReadAllText(file))
                .Select(match => $"{Path.GetFileNameWithoutExtension(file)}.{match.Groups[1].Value}"));

    [GeneratedRegex(@"public (?:static )?(?:async )?(?:void|Task) (\w+)\(")]
    private static partial Regex TestName();
}
