using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Kernel.FirmwareConfiguration;

/// <summary>The kernel command line as words, with quotes taken off.</summary>
/// <remarks>
/// Loaders quote differently: <c>run='a; b'</c> comes as typed from <c>qemu -append</c>, and as <c>"run=a; b"</c> from
/// GRUB, which quotes the whole word and puts a backslash before quotes and backslashes in it. So a quote of either
/// kind may open anywhere in a word, ends at the next of its kind, and inside of it a backslash protects a quote or a
/// backslash. A quote that nothing closes is a character like others, because words that are meant for somebody else
/// may hold one.
/// </remarks>
internal sealed class KernelCommandLine
{
    private readonly List<string> _words = [];
    private readonly List<bool> _endsWithBareSemicolon = [];

    private KernelCommandLine()
    {
    }

    /// <summary>The words in order.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <summary>Whether a quote is opened and not closed.</summary>
    public bool HasOpenQuote { get; private set; }

    /// <summary>Takes a command line apart.</summary>
    public static KernelCommandLine Parse(string text)
    {
        var parsed = new KernelCommandLine();
        var word = new StringBuilder();
        bool hasWord = false;
        bool isQuoted = false;
        int position = 0;
        while (position < text.Length)
        {
            char character = text[position++];
            if (character is ' ' or '\t' or '\r' or '\n')
            {
                parsed.EndWord(word, ref hasWord, isQuoted);
                continue;
            }

            hasWord = true;
            isQuoted = false;
            if (character is '"' or '\'')
            {
                isQuoted = TryUnquote(text, character, ref position, word);
                parsed.HasOpenQuote |= !isQuoted;
                if (isQuoted)
                {
                    continue;
                }
            }

            word.Append(character);
        }

        parsed.EndWord(word, ref hasWord, isQuoted);
        return parsed;
    }

    /// <summary>Whether a word has the form <c>name=value</c>.</summary>
    public static bool IsNamed(string word, string name) =>
        word.Length > name.Length && word[name.Length] == '=' && word.StartsWith(name, StringComparison.Ordinal);

    /// <summary>Looks up a word of the form <c>name=value</c>; of several the last counts.</summary>
    public bool TryGetValue(string name, [NotNullWhen(true)] out string? value)
    {
        value = null;
        foreach (string word in _words)
        {
            if (IsNamed(word, name))
            {
                value = word[(name.Length + 1)..];
            }
        }

        return value is not null;
    }

    /// <summary>Whether a word ends with a semicolon outside of quotes, and another word follows.</summary>
    public bool IsSplitAfter(int index) => _endsWithBareSemicolon[index] && index + 1 < _words.Count;

    // Nothing is taken where the quote is not closed.
    private static bool TryUnquote(string text, char quote, ref int position, StringBuilder word)
    {
        int start = word.Length;
        for (int index = position; index < text.Length; index++)
        {
            char character = text[index];
            if (character == quote)
            {
                position = index + 1;
                return true;
            }

            if (character == '\\' && index + 1 < text.Length && text[index + 1] is '\\' or '"' or '\'')
            {
                index++;
                character = text[index];
            }

            word.Append(character);
        }

        word.Length = start;
        return false;
    }

    private void EndWord(StringBuilder word, ref bool hasWord, bool isQuoted)
    {
        if (hasWord)
        {
            _endsWithBareSemicolon.Add(!isQuoted && word.Length > 0 && word[^1] == ';');
            _words.Add(word.ToString());
            word.Clear();
            hasWord = false;
        }
    }
}

/// <summary>
/// The limit that the user chose for requests to disks: <c>timeout=SECONDS</c> on the kernel command line. Without it
/// there is none, because a slow device is not a broken one.
/// </summary>
internal static class RequestLimit
{
    private const string WordName = "timeout";
    private const int MaximumSeconds = 86_400;

    /// <summary>Reads the limit.</summary>
    /// <param name="commandLine">The kernel command line.</param>
    /// <param name="output">Where it is said why a value that is there cannot be used.</param>
    /// <returns>The limit; zero where there is none.</returns>
    public static TimeSpan Read(string commandLine, TextOutput output)
    {
        if (!KernelCommandLine.Parse(commandLine).TryGetValue(WordName, out string? value))
        {
            return TimeSpan.Zero;
        }

        if (int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int seconds)
            && seconds <= MaximumSeconds)
        {
            return TimeSpan.FromSeconds(seconds);
        }

        output.WriteLine(
            $"error: {WordName}={value}: takes seconds, 1 to {MaximumSeconds}, or 0 for no limit; there is none now");
        return TimeSpan.Zero;
    }
}
