using System;
using System.Collections.Generic;
using System.IO;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance;

/// <summary>What a target is known to fail, each with its reason.</summary>
/// <remarks>
/// A line is <c>target requirement reason</c>; the target may end in <c>*</c>. Empty lines and those that begin with
/// <c>#</c> are passed over. A failure on the list is XFAIL and spoils no run; one that passes is XPASS and does.
/// </remarks>
public sealed class KnownFailures
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

            string[] words = text.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 3)
            {
                throw new FormatException($"line {number}: a known failure needs a target, a requirement and a reason");
            }

            if (IsOfRegistry(words[1]) && !RequirementRegistry.All.Contains(words[1]))
            {
                throw new FormatException($"line {number}: there is no requirement {words[1]}");
            }

            known._entries.Add((words[0], words[1], words[2]));
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
            if (requirement == verdict.Requirement.Id && Matches(target, verdict.Target))
            {
                return verdict.Outcome switch
                {
                    Outcome.Fail => verdict with { Outcome = Outcome.ExpectedFailure, Reason = reason },
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

    private static bool Matches(string pattern, string target) => pattern.EndsWith('*')
        ? target.StartsWith(pattern[..^1], StringComparison.Ordinal)
        : target == pattern;
}
