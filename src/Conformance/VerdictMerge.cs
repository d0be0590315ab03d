using System;
using System.Collections.Generic;

namespace VirtioGuest.Conformance;

/// <summary>Makes one verdict for each requirement of many runs of the same target.</summary>
public static class VerdictMerge
{
    /// <summary>
    /// Merges verdicts: broken anywhere is broken, kept anywhere is kept, and what nobody could judge is skipped.
    /// </summary>
    /// <param name="target">Whom the merged verdicts name.</param>
    /// <param name="verdicts">
    /// The verdicts of all runs; the target of each, which tells the run, goes into the place of its evidence.
    /// </param>
    public static IReadOnlyList<Verdict> Merge(string target, IEnumerable<Verdict> verdicts)
    {
        ArgumentNullException.ThrowIfNull(verdicts);
        Dictionary<string, Verdict> merged = new Dictionary<string, Verdict>();
        foreach (Verdict each in verdicts)
        {
            Verdict named = each with { Target = target, Evidence = NameRun(each) };
            merged[each.Requirement.Id] = merged.TryGetValue(each.Requirement.Id, out Verdict? before)
                ? Merge(before, named)
                : named;
        }

        return [.. merged.Values];
    }

    private static Evidence? NameRun(Verdict verdict) => verdict.Evidence is { } evidence
        ? evidence with { Place = $"{verdict.Target}, {evidence.Place}" }
        : null;

    private static Verdict Merge(Verdict before, Verdict next)
    {
        Verdict worse = Rank(next.Outcome) > Rank(before.Outcome) ? next : before;
        Evidence? evidence = worse.Evidence is null ? null : worse.Evidence with
        {
            Count = (before.Evidence?.Count ?? 0) + (next.Evidence?.Count ?? 0),
        };
        return worse with { Checked = before.Checked + next.Checked, Evidence = evidence };
    }

    private static int Rank(Outcome outcome) => outcome switch
    {
        Outcome.Skip => 0,
        Outcome.Pass => 1,
        Outcome.UnexpectedPass => 2,
        Outcome.ExpectedFailure => 3,
        Outcome.Fail => 4,
        Outcome.Wedged => 5,
        _ => throw new ArgumentOutOfRangeException(nameof(outcome)),
    };
}
