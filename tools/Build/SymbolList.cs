using System;
using System.Collections.Generic;
using System.IO;

namespace VirtioGuest.Build;

/// <summary>A checked-in list of symbols: <c>NAME  REASON</c> on each line, <c>#</c> starts a comment line.</summary>
internal static class SymbolList
{
    /// <summary>The names, in the order of the file.</summary>
    /// <exception cref="BuildFailure">A name has no reason or stands twice.</exception>
    public static IReadOnlyList<string> Read(string path)
    {
        List<string> names = [];
        int number = 0;
        foreach (string line in File.ReadLines(path))
        {
            number++;
            string text = line.Trim();
            if (text.Length == 0 || text[0] == '#')
            {
                continue;
            }

            string[] parts = text.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
            if (parts.Length < 2)
            {
                throw new BuildFailure($"{path}({number}): {parts[0]} has no reason beside it");
            }

            if (names.Contains(parts[0]))
            {
                throw new BuildFailure($"{path}({number}): {parts[0]} stands twice");
            }

            names.Add(parts[0]);
        }

        return names;
    }
}
