using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace VirtioGuest.Kernel.FirmwareConfiguration;

/// <summary>The kernel command line as words, with quotes taken off.</summary>
/// <remarks>
/// Loaders quote differently: <c>run='a; b'</c> comes as typed from <c>qemu -append</c>, and as <c>"run=a; b"</c> from
/// GRUB, which quotes the whole word and puts a backslash before quotes and backslashes in it. So a quote of either
/// kind may open anywhere in a word, ends at the next of its kind, and inside of it a backslash protects a quote or a
/// backslash.
/// </remarks>
internal sealed class KernelCommandLine
{
    private readonly List<string> _words = [];

    private KernelCommandLine()
    {
    }

    /// <summary>The words in order.</summary>
    public IReadOnlyList<string> Words => _words;

    /// <summary>Takes a command line apart.</summary>
    /// <param name="text">The whole line.</param>
    /// <param name="commandLine">The words, where the result is true.</param>
    /// <returns>False where a quote is opened and not closed: what was meant cannot be known.</returns>
    public static bool TryParse(string text, [NotNullWhen(true)] out KernelCommandLine? commandLine)
    {
        var parsed = new KernelCommandLine();
        var word = new StringBuilder();
        bool hasWord = false;
        char openQuote = '\0';
        for (int index = 0; index < text.Length; index++)
        {
            char character = text[index];
            if (openQuote != '\0')
            {
                if (character == '\\' && index + 1 < text.Length && text[index + 1] is '\\' or '"' or '\'')
                {
                    word.Append(text[++index]);
                }
                else if (character == openQuote)
                {
                    openQuote = '\0';
                }
                else
                {
                    word.Append(character);
                }
            }
            else if (character is '"' or '\'')
            {
                openQuote = character;
                hasWord = true;
            }
            else if (character is not (' ' or '\t' or '\r' or '\n'))
            {
                word.Append(character);
                hasWord = true;
            }
            else
            {
                parsed.EndWord(word, ref hasWord);
            }
        }

        parsed.EndWord(word, ref hasWord);
        commandLine = openQuote == '\0' ? parsed : null;
        return commandLine is not null;
    }

    /// <summary>Looks up a word of the form <c>name=value</c>; of several the last counts.</summary>
    public bool TryGetValue(string name, [NotNullWhen(true)] out string? value)
    {
        value = null;
        foreach (string word in _words)
        {
            if (word.Length > name.Length && word[name.Length] == '='
                && word.StartsWith(name, System.StringComparison.Ordinal))
            {
                value = word[(name.Length + 1)..];
            }
        }

        return value is not null;
    }

    private void EndWord(StringBuilder word, ref bool hasWord)
    {
        if (hasWord)
        {
            _words.Add(word.ToString());
            word.Clear();
            hasWord = false;
        }
    }
}
