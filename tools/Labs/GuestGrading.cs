using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;

namespace VirtioGuest.Labs.Grader;

/// <summary>Grades what a student's driver said in the guest, against what is known outside.</summary>
internal static class GuestGrading
{
    private const string Prefix = "lab: ";
    private const int SectorLength = 512;

    /// <summary>Grades what a guest said.</summary>
    /// <param name="lines">The guest's serial line, after a line that names its disk.</param>
    public static IReadOnlyList<CheckResult> Grade(IReadOnlyList<string> lines)
    {
        List<CheckResult> results = [];
        byte[] disk = [];
        string? open = null;
        bool hasEnded = false;
        foreach (string line in lines.Select(Words).Where(each => each.Length != 0))
        {
            if (line.StartsWith("disk ", StringComparison.Ordinal))
            {
                disk = File.ReadAllBytes(line["disk ".Length..]);
            }
            else if (line.StartsWith("begin ", StringComparison.Ordinal))
            {
                open = line["begin ".Length..];
            }
            else if (line == "end")
            {
                hasEnded = true;
            }
            else if (open is { } name)
            {
                results.Add(Judge(name, line, disk));
                open = null;
            }
        }

        if (!hasEnded)
        {
            string tail = string.Join("\n", lines.Where(each => each.Trim().Length != 0).TakeLast(6));
            results.Add(new CheckResult(open ?? "the guest starts", 0, 1, new Finding(
                string.Empty,
                $"the guest did not come to its end. It last said:\n{tail}",
                "it does all that it is asked, and ends")));
        }

        return results;
    }

    private static CheckResult Judge(string name, string line, byte[] disk)
    {
        if (!line.StartsWith("ok ", StringComparison.Ordinal))
        {
            string why = line.StartsWith("failed ", StringComparison.Ordinal) ? line["failed ".Length..] : line;
            return new CheckResult(
                name, 0, 1, new Finding(string.Empty, $"in QEMU: {why}", "what it does in the simulator"));
        }

        string seen = line["ok ".Length..];
        string? expected = Expected(name, seen, disk);
        return expected is null
            ? new CheckResult(name, 1, 1, null)
            : new CheckResult(name, 0, 1, new Finding(string.Empty, $"in QEMU: {Shorten(seen)}", Shorten(expected)));
    }

    /// <summary>What a driver should have said; null where it did.</summary>
    private static string? Expected(string name, string seen, byte[] disk)
    {
        if (name.StartsWith("reads sector ", StringComparison.Ordinal))
        {
            int sector = int.Parse(name["reads sector ".Length..], CultureInfo.InvariantCulture);
            return Unless(seen, Convert.ToHexString(disk.AsSpan(sector * SectorLength, SectorLength)));
        }

        return name switch
        {
            "finds QEMU's entropy device" => Unless(seen, "device 5, status 0, 1 queues"),
            "finds QEMU's disk" =>
                seen.StartsWith("device 7, status 0", StringComparison.Ordinal) ? null : "device 7, status 0",
            "finds no network card, because there is none" => Unless(seen, "nothing"),
            "negotiates with QEMU's entropy device" => Unless(seen, "features 100000000, status 15"),
            "reads the capacity of QEMU's disk" =>
                Unless(seen, (disk.Length / SectorLength).ToString(CultureInfo.InvariantCulture)),
            "reads random bytes from QEMU" => IsRandom(seen) ? null : "20 answers of 1 to 16 bytes, all different",
            "reads 40 sectors, several at a time" => ExpectedSectors(seen, disk),
            "sleeps until QEMU interrupts, 40 times" =>
                seen.StartsWith("40 different answers", StringComparison.Ordinal) ? null : "40 different answers",
            _ => seen.StartsWith("40 different answers", StringComparison.Ordinal) ? null : "40 different answers",
        };
    }

    private static bool IsRandom(string seen)
    {
        string[] answers = seen.Split(' ');
        return answers.Length == 20 && answers.All(each => each.Length >= 2) && answers.Distinct().Count() > 15;
    }

    private static string? ExpectedSectors(string seen, byte[] disk)
    {
        string[] answers = seen.Split(' ');
        HashSet<string> sectors = [];
        foreach (string[] pair in answers.Select(each => each.Split(':')))
        {
            int sector = int.Parse(pair[0], CultureInfo.InvariantCulture);
            string content = Convert.ToHexString(disk.AsSpan(sector * SectorLength, 16));
            if (pair[1] != content)
            {
                return $"sector {sector} begins with {content}, and not with {pair[1]}";
            }

            sectors.Add(pair[0]);
        }

        return sectors.Count == 40 ? null : "an answer for each of 40 sectors";
    }

    private static string? Unless(string seen, string expected) => seen == expected ? null : expected;

    private static string Shorten(string text) => text.Length <= 100 ? text : text[..100] + "...";

    private static string Words(string line)
    {
        int at = line.IndexOf(Prefix, StringComparison.Ordinal);
        return at < 0 ? string.Empty : line[(at + Prefix.Length)..].Trim();
    }
}
