using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text.RegularExpressions;
using VirtioGuest.Devices.Rings;

namespace VirtioGuest.Labs.Grader.Rigs;

/// <summary>Names the places of a ring in the lines of a schedule, which tells of bytes.</summary>
internal sealed partial class RingNames
{
    private static readonly string[] s_fields = ["addr", "addr, upper half", "len"];

    /// <summary>Where the queue is.</summary>
    public QueueAreas Areas { get; set; }

    /// <summary>How many descriptors it has.</summary>
    public int Size { get; init; } = 4;

    /// <summary>Whether it is packed.</summary>
    public bool IsPacked { get; init; }

    /// <summary>
    /// Names the places of a schedule, and marks the loads that saw an old value: that is where it went wrong.
    /// </summary>
    public IReadOnlyList<string> InWords(IReadOnlyList<string> schedule)
    {
        Dictionary<string, string> newest = [];
        List<string> lines = [];
        foreach (string line in schedule.Select(InWords))
        {
            Match match = Access().Match(line);
            string place = match.Groups[2].Value;
            string value = match.Groups[3].Value;
            bool isOld = match.Groups[1].Value == "load" && newest.TryGetValue(place, out string? now) && now != value;
            lines.Add(isOld ? $"{line}   <- an old value: the newest is {newest[place]}" : line);
            if (match.Groups[1].Value == "store")
            {
                newest[place] = value;
            }
        }

        return lines;
    }

    private string InWords(string line)
    {
        Match match = Place().Match(Site().Replace(line, string.Empty));
        if (!match.Success)
        {
            return Site().Replace(line, string.Empty);
        }

        ulong offset = ulong.Parse(match.Groups[2].Value, CultureInfo.InvariantCulture);
        string name = NameOf(offset);
        return $"{match.Groups[1].Value} {(name.Length == 0 ? $"byte {offset}" : name)}{match.Groups[3].Value}";
    }

    private string NameOf(ulong offset)
    {
        if (TryFind(Areas.Descriptor, 16 * Size, offset, out int place))
        {
            string field = (place % 16) switch
            {
                12 => IsPacked ? "id" : "flags",
                14 => IsPacked ? "flags" : "next",
                int byteInside => s_fields[byteInside / 4],
            };
            return $"descriptor[{place / 16}].{field}";
        }

        if (IsPacked)
        {
            return string.Empty;
        }

        return TryFind(Areas.Driver, 6 + (2 * Size), offset, out place) ? RingField("available", place, 2, "used_event")
            : TryFind(Areas.Device, 6 + (8 * Size), offset, out place) ? RingField("used", place, 8, "avail_event")
            : "buffer, byte " + offset.ToString(CultureInfo.InvariantCulture);
    }

    private string RingField(string ring, int place, int width, string last)
    {
        if (place < 4)
        {
            return $"{ring}.{(place == 0 ? "flags" : "idx")}";
        }

        int entry = (place - 4) / width;
        string field = width == 2 ? string.Empty : (place - 4) % 8 == 0 ? ".id" : ".len";
        return entry >= Size ? $"{ring}.{last}" : $"{ring}.ring[{entry}]{field}";
    }

    private static bool TryFind(ulong area, int length, ulong offset, out int place)
    {
        place = (int)(offset - (area & uint.MaxValue));
        return area != 0 && place >= 0 && place < length;
    }

    [GeneratedRegex("^[^:]*: (load|store)[-a-z]*([0-9]+ .*): (0x[0-9a-f]+)$")]
    private static partial Regex Access();

    [GeneratedRegex("^(.*) at ([0-9]+)(: .*)$")]
    private static partial Regex Place();

    [GeneratedRegex(@" \(site [0-9]+\)")]
    private static partial Regex Site();
}
