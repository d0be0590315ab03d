using System;
using System.Collections.Generic;
using System.IO;
using System.IO.Enumeration;
using System.Text.RegularExpressions;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance;

/// <summary>What a target is known to fail, each with its reason.</summary>
/// <remarks>
/// A line is <c>target requirement reason</c>; in the target <c>*</c> stands for anything, as in the requirement,
/// and where it has spaces it is put in quotation marks. Empty lines and those that begin with <c>#</c> are passed
/// over. A failure on the list is XFAIL and spoils no run; one that passes is XPASS and does.
/// </remarks>
public sealed partial class KnownFailures
{
    private readonly List<(string Target, string Requirement, string Reason)> _entries = [];

    /// <summary>Reads a list.</summary>
    /// <exception cref="FormatException">A line has no reason, or names no requirement.</exception>
    public static KnownFailures Read(IEnumerable<string> lines)
    {
        ArgumentNullException.ThrowIfNull(lines);
        KnownFailures known = new KnownFailures();
        int number = 0;
        foreach (string line in lines)
        {
            number++;
            string text = line.Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            Match entry = Entry().Match(text);
            if (!entry.Success)
            {
                throw new FormatException($"line {number}: a known failure needs a target, a requirement and a reason");
            }

            string id = entry.Groups["id"].Value;
            if (IsOfRegistry(id) && !RequirementRegistry.All.Contains(id))
            {
                throw new FormatException($"line {number}: there is no requirement {id}");
            }

            known._entries.Add((entry.Groups["target"].Value, id, entry.Groups["reason"].Value));
        }

        return known;
    }

    /// <summary>Reads a list from a file; an absent file is an empty list.</summary>
    public static KnownFailures ReadFile(string path) => Read(File.Exists(path) ? File.ReadLines(path) : []);

    /// <summary>The verdict with what is known of its target.</summary>
    public Verdict Apply(Verdict verdict)
    {
        ArgumentNullException.ThrowIfNull(verdict);
        foreach ((string target, string requirement, string reason) in _entries)
        {
            if (Matches(requirement, verdict.Requirement.Id) && Matches(target, verdict.Target))
            {
                return verdict.Outcome switch
                {
                    Outcome.Fail or Outcome.Wedged =>
                        verdict with { Outcome = Outcome.ExpectedFailure, Reason = reason },
                    Outcome.Pass => verdict with { Outcome = Outcome.UnexpectedPass, Reason = reason },
                    _ => verdict,
                };
            }
        }

        return verdict;
    }

    /// <summary>Whether it is a requirement of the registry, and not a test of devices in the guest.</summary>
    private static bool IsOfRegistry(string id) =>
        id.StartsWith("drv.", StringComparison.Ordinal) || id.StartsWith("dev.", StringComparison.Ordinal)
        || !id.Contains('.', StringComparison.Ordinal);

    private static bool Matches(string pattern, string target) =>
        FileSystemName.MatchesSimpleExpression(pattern, target, ignoreCase: false);

    [GeneratedRegex(@"^(""(?<target>[^""]+)""|(?<target>[^"" ]+)) +(?<id>\S+) +(?<reason>\S.*)$")]
    private static partial Regex Entry();
}
