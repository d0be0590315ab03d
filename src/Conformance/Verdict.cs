using System;
using System.Collections.Generic;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance;

/// <summary>What came of one requirement for one target, a driver or a device.</summary>
/// <param name="Target">Who was judged: <c>ours/blk-packed</c>.</param>
/// <param name="Requirement">What was asked of it.</param>
/// <param name="Outcome">What came of it.</param>
/// <param name="Checked">How many times there was something to judge.</param>
/// <param name="Evidence">The first breach; null where there was none.</param>
/// <param name="Reason">Why it was skipped, or is expected to fail; empty otherwise.</param>
public sealed record Verdict(
    string Target,
    Requirement Requirement,
    Outcome Outcome,
    int Checked,
    Evidence? Evidence = null,
    string Reason = "");

/// <summary>A breach of a requirement.</summary>
/// <param name="Text">What was done, and what should have been.</param>
/// <param name="Place">Where: <c>queue 0</c>, <c>queue_size</c>.</param>
/// <param name="Steps">The last steps up to it, in order; the last one is the breach.</param>
/// <param name="Count">How many breaches there were.</param>
/// <param name="Ring">The ring as it was, a line for each descriptor; empty where it is not about a ring.</param>
public sealed record Evidence(
    string Text, string Place, IReadOnlyList<string> Steps, int Count, IReadOnlyList<string> Ring);

/// <summary>What came of a requirement.</summary>
public enum Outcome
{
    /// <summary>It was kept wherever there was something to judge.</summary>
    Pass = 0,

    /// <summary>It was broken.</summary>
    Fail = 1,

    /// <summary>The target stopped answering where it was tried.</summary>
    Wedged = 2,

    /// <summary>There was nothing to judge.</summary>
    Skip = 3,

    /// <summary>It was broken, or the target stopped answering, as the list of known failures says.</summary>
    ExpectedFailure = 4,

    /// <summary>It was kept, although it is on the list of known failures.</summary>
    UnexpectedPass = 5,
}

/// <summary>A run of a judge.</summary>
/// <param name="Title">What was run, for people.</param>
/// <param name="Verdicts">What came of it.</param>
public sealed record ConformanceRun(string Title, IReadOnlyList<Verdict> Verdicts)
{
    /// <summary>Whether nothing came out that should not have.</summary>
    public bool IsGood
    {
        get
        {
            foreach (Verdict each in Verdicts)
            {
                if (each.Outcome is Outcome.Fail or Outcome.Wedged or Outcome.UnexpectedPass)
                {
                    return false;
                }
            }

            return true;
        }
    }

    /// <summary>How many verdicts came out so.</summary>
    public int Count(Outcome outcome)
    {
        int count = 0;
        foreach (Verdict each in Verdicts)
        {
            count += each.Outcome == outcome ? 1 : 0;
        }

        return count;
    }
}
