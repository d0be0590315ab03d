using System.Collections.Generic;

namespace VirtioGuest.Commands;

/// <summary>Takes apart what was typed: a script into commands, a command into words.</summary>
/// <remarks>
/// <c>string.Split</c> would do the same, but it brings along vectors and pooled lists, which IL2CPU would have to
/// compile.
/// </remarks>
internal static class CommandWords
{
    /// <summary>
    /// The commands of a script, separated by semicolons and line ends; blank ones are left out. A <c>#</c> where a
    /// command would begin makes the rest of the line a comment.
    /// </summary>
    public static string[] OfScript(string script)
    {
        var commands = new List<string>();
        int start = 0;
        bool isComment = false;
        bool isBlank = true;
        for (int index = 0; index <= script.Length; index++)
        {
            bool endsLine = index == script.Length || script[index] is '\r' or '\n';
            if (endsLine || (script[index] == ';' && !isComment))
            {
                AddTrimmed(commands, script, start, isComment ? start : index);
                start = index + 1;
                isComment = false;
                isBlank = true;
            }
            else if (isBlank && !IsWhiteSpace(script[index]))
            {
                isComment = script[index] == '#';
                isBlank = false;
            }
        }

        return commands.ToArray();
    }

    /// <summary>The words of a command, separated by blanks and tabs.</summary>
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
