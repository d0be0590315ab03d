using System.Collections.Generic;

namespace VirtioGuest.Commands;

/// <summary>Takes what was typed apart: a script into commands, a command into words.</summary>
/// <remarks>
/// <c>string.Split</c> would do the same, but it brings vectors and pooled lists along, which IL2CPU would have to
/// compile.
/// </remarks>
internal static class CommandWords
{
    /// <summary>
    /// The commands of a script: what lies between semicolons and line ends, without blank ones. Where a command would
    /// begin with <c>#</c>, the rest of the line is a remark.
    /// </summary>
    public static string[] OfScript(string script)
    {
        var commands = new List<string>();
        int start = 0;
        bool isRemark = false;
        bool isBlank = true;
        for (int index = 0; index <= script.Length; index++)
        {
            bool endsLine = index == script.Length || script[index] is '\r' or '\n';
            if (endsLine || (script[index] == ';' && !isRemark))
            {
                AddTrimmed(commands, script, start, isRemark ? start : index);
                start = index + 1;
                isRemark = false;
                isBlank = true;
            }
            else if (isBlank && !IsWhiteSpace(script[index]))
            {
                isRemark = script[index] == '#';
                isBlank = false;
            }
        }

        return commands.ToArray();
    }

    /// <summary>The words of a command: what lies between blanks and tabulators.</summary>
    public static string[] OfLine(string line)
    {
        var words = new List<string>();
        int start = 0;
        for (int index = 0; index <= line.Length; index++)
        {
            if (index == line.Length || line[index] is ' ' or '\t')
            {
                AddTrimmed(words, line, start, index);
                start = index + 1;
            }
        }

        return words.ToArray();
    }

    private static void AddTrimmed(List<string> parts, string text, int start, int end)
    {
        while (start < end && IsWhiteSpace(text[start]))
        {
            start++;
        }

        while (end > start && IsWhiteSpace(text[end - 1]))
        {
            end--;
        }

        if (start != end)
        {
            parts.Add(text.Substring(start, end - start));
        }
    }

    private static bool IsWhiteSpace(char character) => character is ' ' or (>= '\t' and <= '\r');
}
