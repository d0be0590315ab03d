using System;
using System.Collections.Generic;
using System.IO;
using System.Text.RegularExpressions;
using VirtioGuest.Conformance.Registry;

namespace VirtioGuest.Conformance.Traces;

/// <summary>
/// What <c>conform</c> has written to a guest's serial line: its list of tests, then what came of them, as TAP.
/// </summary>
public static partial class GuestTap
{
    /// <summary>Reads the verdicts.</summary>
    /// <param name="target">Whom they name; the device and the form of its rings are added.</param>
    /// <param name="form">What is said behind the device, to tell one run from another.</param>
    /// <param name="reader">The text of the serial line, from the start.</param>
    /// <returns>
    /// A verdict for each test. Where the text ends before all were reported that were planned, as when the monitor
    /// does not survive one, that one is <see cref="Outcome.Wedged"/>.
    /// </returns>
    /// <exception cref="FormatException">There is no report, or it names a test that is not in the list.</exception>
    public static IReadOnlyList<Verdict> Read(string target, string form, TextReader reader)
    {
        ArgumentNullException.ThrowIfNull(reader);
        Dictionary<string, Requirement> tests = [];
        List<Verdict> verdicts = [];
        int? planned = null;
        string device = string.Empty;
        bool isTold = true;
        for (string? line = reader.ReadLine(); line is not null; line = reader.ReadLine())
        {
            string text = line.TrimEnd();
            if (ListedTest().Match(text) is { Success: true } listed)
            {
                string id = listed.Groups["id"].Value;
                tests[id] = DeviceRequirement.Of(
                    id, listed.Groups["level"].Value, listed.Groups["clause"].Value, listed.Groups["title"].Value);
            }
            else if (Plan().Match(text) is { Success: true } plan)
            {
                planned = int.Parse(plan.Groups["count"].ValueSpan, provider: null);
            }
            else if (planned is not null && Result().Match(text) is { Success: true } result)
            {
                device = result.Groups["device"].Value;
                verdicts.Add(VerdictOf($"{target}/{device} {form}".TrimEnd(), tests, result));
                isTold = verdicts[^1].Outcome != Outcome.Fail;
            }
            else if (!isTold && Detail().Match(text) is { Success: true } detail)
            {
                verdicts[^1] = WithDetail(verdicts[^1], detail.Groups["key"].Value, detail.Groups["value"].Value);
            }
        }

        if (planned is not int count)
        {
            throw new FormatException("there is no report of conform");
        }

        if (verdicts.Count < count)
        {
            verdicts.Add(Unfinished($"{target}/{device} {form}".TrimEnd(), verdicts.Count, count));
        }

        return verdicts;
    }

    private static Verdict VerdictOf(string target, Dictionary<string, Requirement> tests, Match result)
    {
        string id = result.Groups["id"].Value;
        if (!tests.TryGetValue(id, out Requirement? test))
        {
            throw new FormatException($"{id} is not in the list of tests");
        }

        string rings = result.Groups["rings"].Value;
        string place = rings.Length == 0 ? target : $"{target}, {rings}";
        return result.Groups["skip"].Success
            ? new Verdict(place, test, Outcome.Skip, 0, Reason: result.Groups["skip"].Value)
            : result.Groups["not"].Success
                ? new Verdict(place, test, Outcome.Fail, 1, new Evidence(string.Empty, rings, [], 1, []))
                : new Verdict(place, test, Outcome.Pass, 1);
    }

    private static Verdict WithDetail(Verdict verdict, string key, string value) => key switch
    {
        "message" => verdict with
        {
            Evidence = verdict.Evidence! with { Text = value.Trim('\'').Replace("''", "'", StringComparison.Ordinal) },
        },
        "severity" when value == "wedged" => verdict with { Outcome = Outcome.Wedged },
        _ => verdict,
    };

    private static Verdict Unfinished(string target, int done, int planned) => new(
        target,
        DeviceRequirement.Of("run.end", "MUST", string.Empty, "The run comes to its end"),
        Outcome.Wedged,
        1,
        new Evidence($"nothing more came after {done} of {planned} tests", target, [], 1, []));

    // status.reset            MUST       2.4.1             A reset sets the status to 0
    [GeneratedRegex(
        @"^(?<id>[a-z]+\.[\w-]+) +(?<level>MUST|SHOULD|robustness) +(?<clause>\d[\d.]*(, \d[\d.]*)*) +(?<title>\S.*)$")]
    private static partial Regex ListedTest();

    [GeneratedRegex(@"^1\.\.(?<count>\d+)$")]
    private static partial Regex Plan();

    // not ok 7 - disk0 ring.id (packed): Buffers come back under their IDs # SKIP why
    [GeneratedRegex(
        @"^(?<not>not )?ok \d+ - (?<device>\S+) (?<id>[a-z]+\.[\w-]+)( \((?<rings>[^)]*)\))?: .*?"
        + "( # SKIP (?<skip>.*))?$")]
    private static partial Regex Result();

    [GeneratedRegex(@"^  (?<key>message|severity): (?<value>.*)$")]
    private static partial Regex Detail();
}
