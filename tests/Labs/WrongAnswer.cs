using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using VirtioGuest.Labs.Grader;

namespace VirtioGuest.Labs.Tests;

/// <summary>
/// A typical wrong answer: the right one with a few lines changed, which check it must fail, and what the student must
/// be told.
/// </summary>
/// <remarks>
/// The file's first lines are <c>check: NAME</c> and <c>says: WORDS</c>, the latter perhaps several times. Then come
/// changes: a line <c>----</c>, the right lines, a line <c>====</c>, the wrong ones. White space around lines does not
/// count.
/// </remarks>
internal sealed record WrongAnswer(
    Lab Lab, string Name, string Check, string[] Says, (string Right, string Wrong)[] Changes)
{
    private const string Change = "----\n";
    private const string Becomes = "====\n";

    public static IEnumerable<WrongAnswer> All => Lab.All
        .Where(lab => Directory.Exists(LabFiles.Wrong(lab)))
        .SelectMany(lab => Directory.GetFiles(LabFiles.Wrong(lab), "*.txt")
            .Order(StringComparer.Ordinal)
            .Select(path => Read(lab, path)));

    public override string ToString() => $"{Lab.Number}: {Name}";

    /// <summary>The right answer with the changes made.</summary>
    public Dictionary<string, string> Sources()
    {
        Dictionary<string, string> sources = LabFiles.Sources(LabFiles.Answer(Lab));
        foreach ((string right, string wrong) in Changes)
        {
            string name = sources.Keys.SingleOrDefault(
                key => sources[key].Contains(right, StringComparison.Ordinal))
                ?? throw new InvalidOperationException($"{this}: no file of the answer has\n{right}");
            int at = sources[name].IndexOf(right, StringComparison.Ordinal);
            if (sources[name].IndexOf(right, at + 1, StringComparison.Ordinal) >= 0)
            {
                throw new InvalidOperationException($"{this}: the answer has several times\n{right}");
            }

            sources[name] = sources[name].Replace(right, wrong, StringComparison.Ordinal);
        }

        return sources;
    }

    private static WrongAnswer Read(Lab lab, string path)
    {
        string[] parts = File.ReadAllText(path).Split(Change);
        string[] head = parts[0].Split('\n');
        return new WrongAnswer(
            lab,
            Path.GetFileNameWithoutExtension(path),
            head.Single(each => each.StartsWith("check: ", StringComparison.Ordinal))["check: ".Length..],
            [.. head.Where(each => each.StartsWith("says: ", StringComparison.Ordinal)).Select(each => each[6..])],
            [.. parts[1..].Select(part => part.Split(Becomes)).Select(pair => (pair[0].Trim(), pair[1].Trim()))]);
    }
}
