using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Reflection;

namespace VirtioGuest.Conformance.Registry;

/// <summary>
/// All requirements, read from the tables beside this file: one table for each area, in it the normative blocks of both
/// sides, in each its requirements.
/// </summary>
/// <remarks>
/// A block is a line <c>side section | title | source | counts</c>, a requirement a line
/// <c>number | level | severity | check | text</c>. Numbers run through the blocks of an area and a side. One that was
/// given is never given again: verdicts and lists of known failures name it.
/// </remarks>
public sealed class RequirementRegistry
{
    private static readonly string[] s_areas = ["general", "split", "packed", "pci", "mmio", "blk", "net", "rng"];
    private static readonly Lazy<RequirementRegistry> s_all = new Lazy<RequirementRegistry>(ReadAll);

    private readonly Dictionary<string, Requirement> _byId = new Dictionary<string, Requirement>();
    private readonly List<Requirement> _requirements = [];

    /// <summary>The requirements of this project.</summary>
    public static RequirementRegistry All => s_all.Value;

    /// <summary>The areas, in the order of the specification.</summary>
    public static IReadOnlyList<string> Areas => s_areas;

    /// <summary>All requirements, by area and side.</summary>
    public IReadOnlyList<Requirement> Requirements => _requirements;

    /// <summary>A requirement by its name.</summary>
    /// <exception cref="KeyNotFoundException">There is none by that name.</exception>
    public Requirement this[string id] => _byId.TryGetValue(id, out Requirement? found)
        ? found
        : throw new KeyNotFoundException($"There is no requirement {id}.");

    /// <summary>Whether there is a requirement by that name.</summary>
    public bool Contains(string id) => _byId.ContainsKey(id);

    /// <summary>Reads a table.</summary>
    /// <param name="area">The area that it is of.</param>
    /// <param name="lines">The table.</param>
    /// <exception cref="FormatException">A line makes no sense; the message names it.</exception>
    public static RequirementRegistry Read(string area, IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        RequirementRegistry registry = new RequirementRegistry();
        registry.Add(area, lines);
        return registry;
    }

    /// <summary>How many of the words of a strength are checked, and how many there are to check.</summary>
    /// <remarks>What does not apply is not counted.</remarks>
    public (int Checked, int Total) Count(string area, Side side, Level level)
    {
        int checkedWords = 0;
        int total = 0;
        foreach (Requirement each in _requirements)
        {
            if (each.Area == area && each.Side == side && each.Level == level && each.Check != Check.NotApplicable)
            {
                total += each.Words;
                checkedWords += each.IsChecked ? each.Words : 0;
            }
        }

        return (checkedWords, total);
    }

    private static RequirementRegistry ReadAll()
    {
        RequirementRegistry registry = new RequirementRegistry();
        foreach (string area in s_areas)
        {
            using Stream stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"{area}.txt")
                ?? throw new InvalidOperationException($"The table of {area} is missing.");
            using StreamReader reader = new StreamReader(stream);
            registry.Add(area, reader.ReadToEnd().Split('\n'));
        }

        return registry;
    }

    private void Add(string area, IEnumerable<string> lines)
    {
        (Side Side, RequirementBlock Block)? block = null;
        foreach (string line in lines)
        {
            if (line.Length == 0)
            {
                continue;
            }

            string[] columns = line.Split(" | ");
            try
            {
                if (char.IsAsciiDigit(line[0]))
                {
                    Add(ReadRequirement(area, block ?? throw new FormatException("it is in no block"), columns));
                }
                else
                {
                    block = ReadBlock(columns);
                }
            }
            catch (FormatException failure)
            {
                throw new FormatException($"'{line}' in the table of {area}: {failure.Message}", failure);
            }
        }
    }

    private void Add(Requirement requirement)
    {
        if (!_byId.TryAdd(requirement.Id, requirement))
        {
            throw new FormatException($"{requirement.Id} is there already");
        }

        _requirements.Add(requirement);
    }

    private static (Side Side, RequirementBlock Block) ReadBlock(string[] columns)
    {
        string[] place = columns[0].Split(' ');
        if (place.Length != 2 || columns.Length is not (2 or 4))
        {
            throw new FormatException("this is no block");
        }

        Side side = place[0] switch
        {
            "driver" => Side.Driver,
            "device" => Side.Device,
            _ => throw new FormatException($"{place[0]} is no side"),
        };
        return columns.Length == 2
            ? (side, new RequirementBlock(place[1], columns[1], string.Empty, 0, 0, 0))
            : (side, new RequirementBlock(
                place[1],
                columns[1],
                columns[2],
                CountOf(columns[3], "MUST"),
                CountOf(columns[3], "SHOULD"),
                CountOf(columns[3], "MAY")));
    }

    private static int CountOf(string counts, string word)
    {
        foreach (string each in counts.Split(", "))
        {
            if (each.StartsWith(word, StringComparison.Ordinal))
            {
                return int.Parse(each.AsSpan(word.Length), CultureInfo.InvariantCulture);
            }
        }

        return 0;
    }

    private static Requirement ReadRequirement(
        string area, (Side Side, RequirementBlock Block) block, string[] columns)
    {
        if (columns.Length != 5)
        {
            throw new FormatException($"it has {columns.Length} columns instead of 5");
        }

        string[] level = columns[1].Split(" x");
        string[] check = columns[3].Split(": ", 2);
        string side = block.Side == Side.Driver ? "drv" : "dev";
        return new Requirement(
            $"{side}.{area}.{int.Parse(columns[0], CultureInfo.InvariantCulture)}",
            block.Side,
            area,
            block.Block,
            level[0] switch
            {
                "MUST" => Level.Must,
                "SHOULD" => Level.Should,
                "MAY" => Level.May,
                "FORMAT" => Level.Format,
                _ => throw new FormatException($"{level[0]} is no level"),
            },
            level.Length == 1 ? 1 : int.Parse(level[1], CultureInfo.InvariantCulture),
            columns[2] switch
            {
                "damage" => Severity.Damage,
                "hang" => Severity.Hang,
                "failure" => Severity.Failure,
                "waste" => Severity.Waste,
                _ => throw new FormatException($"{columns[2]} is no severity"),
            },
            check[0] switch
            {
                "audited" => Check.Audited,
                "tested" => Check.Tested,
                "static" => Check.Static,
                "n/a" => Check.NotApplicable,
                "open" => Check.Open,
                _ => throw new FormatException($"{check[0]} is no way to check"),
            },
            check.Length == 2 ? check[1] : string.Empty,
            columns[4]);
    }
}
