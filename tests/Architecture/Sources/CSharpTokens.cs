using System;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Architecture.Tests.Sources;

/// <summary>
/// Takes C# code apart as far as the style guards need it: words, signs and directives, without comments and literals.
/// </summary>
/// <remarks>What stands in the holes of an interpolated string is code, and is taken apart as such.</remarks>
public sealed class CSharpTokens
{
    private readonly string _text;
    private readonly List<Token> _tokens = [];
    private int _at;
    private int _line = 1;

    private CSharpTokens(string text)
    {
        _text = text;
    }

    /// <summary>The tokens of a file's text. Broken code gives some tokens, never an exception.</summary>
    public static IReadOnlyList<Token> Read(string text)
    {
        CSharpTokens reader = new(text);
        while (reader._at < text.Length)
        {
            reader.ReadCode(untilBrace: false);
        }

        return reader._tokens;
    }

    private char Next => Peek(0);

    private char Peek(int ahead) => _at + ahead < _text.Length ? _text[_at + ahead] : '\0';

    private bool Starts(string with) => string.CompareOrdinal(_text, _at, with, 0, with.Length) == 0;

    private void Skip(int count = 1)
    {
        for (; count > 0 && _at < _text.Length; count--)
        {
            _line += _text[_at] == '\n' ? 1 : 0;
            _at++;
        }
    }

    private void SkipWhile(Predicate<char> condition)
    {
        while (_at < _text.Length && condition(Next))
        {
            Skip();
        }
    }

    private void SkipBehind(string end)
    {
        while (_at < _text.Length && !Starts(end))
        {
            Skip();
        }

        Skip(end.Length);
    }

    /// <summary>Reads to the end, or to the brace that closes a hole of an interpolated string.</summary>
    private void ReadCode(bool untilBrace)
    {
        int depth = 0;
        while (_at < _text.Length)
        {
            if (untilBrace && Next == '}' && depth-- == 0)
            {
                return;
            }

            depth += Next == '{' ? 1 : 0;
            ReadToken();
        }
    }

    private void ReadToken()
    {
        if (char.IsWhiteSpace(Next))
        {
            Skip();
        }
        else if (Starts("//"))
        {
            SkipWhile(each => each != '\n');
        }
        else if (Starts("/*"))
        {
            SkipBehind("*/");
        }
        else if (Next == '#' && BeginsLine())
        {
            ReadDirective();
        }
        else if (Next == '\'')
        {
            ReadQuoted('\'');
        }
        else if (LiteralStart() is int quote)
        {
            ReadString(quote);
        }
        else
        {
            ReadWordOrSign();
        }
    }

    private bool BeginsLine()
    {
        int before = _at - 1;
        while (before >= 0 && _text[before] is ' ' or '\t' or '\uFEFF')
        {
            before--;
        }

        return before < 0 || _text[before] == '\n';
    }

    private void ReadDirective()
    {
        int line = _line;
        Skip();
        SkipWhile(each => each is ' ' or '\t');
        int start = _at;
        SkipWhile(each => each != '\n');
        _tokens.Add(new Token(line, $"#{_text[start.._at].TrimEnd()}"));
    }

    private void ReadWordOrSign()
    {
        int start = _at;
        int line = _line;
        SkipWhile(each => char.IsLetterOrDigit(each) || each == '_');
        if (_at == start)
        {
            Skip();
        }

        _tokens.Add(new Token(line, _text[start.._at]));
    }

    /// <summary>How far ahead the quote of a string literal is that begins here, or nothing.</summary>
    private int? LiteralStart()
    {
        int ahead = 0;
        while (Peek(ahead) is '$' or '@')
        {
            ahead++;
        }

        return Peek(ahead) == '"' ? ahead : null;
    }

    private void ReadString(int prefix)
    {
        string signs = _text.Substring(_at, prefix);
        int holes = signs.Count(sign => sign == '$');
        Skip(prefix);
        int quotes = 0;
        while (Peek(quotes) == '"')
        {
            quotes++;
        }

        if (quotes >= 3 && !signs.Contains('@', StringComparison.Ordinal))
        {
            Skip(quotes);
            ReadContent(new string('"', quotes), holes, doubled: false, escaped: false);
        }
        else if (holes > 0)
        {
            Skip();
            bool verbatim = signs.Contains('@', StringComparison.Ordinal);
            ReadContent("\"", holes, doubled: true, escaped: !verbatim);
        }
        else if (prefix > 0)
        {
            Skip();
            ReadContent("\"", 0, doubled: true, escaped: false);
        }
        else
        {
            ReadQuoted('"');
        }
    }

    private void ReadQuoted(char quote)
    {
        Skip();
        while (_at < _text.Length && Next != quote && Next != '\n')
        {
            Skip(Next == '\\' ? 2 : 1);
        }

        Skip();
    }

    /// <summary>
    /// Reads the content of a literal and its end.
    /// </summary>
    /// <param name="end">The quotes that end it.</param>
    /// <param name="holes">How many braces open a hole, or 0 where there are none.</param>
    /// <param name="doubled">Whether a doubled quote or brace stands for itself.</param>
    /// <param name="escaped">Whether a backslash escapes.</param>
    private void ReadContent(string end, int holes, bool doubled, bool escaped)
    {
        while (_at < _text.Length)
        {
            if (escaped && Next == '\\')
            {
                Skip(2);
            }
            else if (doubled && !escaped && Starts("\"\"") || doubled && holes > 0 && Starts("{{"))
            {
                Skip(2);
            }
            else if (Starts(end))
            {
                Skip(end.Length);
                return;
            }
            else if (holes > 0 && Starts(new string('{', holes)))
            {
                Skip(holes);
                ReadCode(untilBrace: true);
                Skip(holes);
            }
            else
            {
                Skip();
            }
        }
    }
}
