using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using System.Text.RegularExpressions;
using System.Threading;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>
/// What came over a serial line, as a person reads it: without escape sequences and carriage returns, and with
/// backspaces carried out. The bytes as they came go to a file.
/// </summary>
public sealed class SerialLog : IDisposable
{
    private readonly object _gate = new();
    private readonly StringBuilder _text = new();
    private readonly FileStream _file;
    private EscapeState _escape;
    private int _position;
    private bool _isComplete;

    /// <summary>An empty log over the file.</summary>
    public SerialLog(string path)
    {
        Path = path;
        _file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.Read);
    }

    private enum EscapeState
    {
        None,
        Started,
        Parameters,
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>Everything so far.</summary>
    public string Text
    {
        get
        {
            lock (_gate)
            {
                return _text.ToString();
            }
        }
    }

    /// <summary>Whether nothing more comes, because QEMU has ended.</summary>
    public bool IsComplete
    {
        get
        {
            lock (_gate)
            {
                return _isComplete;
            }
        }
    }

    /// <summary>The lines so far, the unfinished last one included.</summary>
    public IReadOnlyList<string> Lines => Text.TrimEnd('\n').Split('\n');

    /// <summary>The last lines, for a failure's message.</summary>
    public string Tail(int lines = 40)
    {
        return string.Join('\n', Lines.TakeLast(lines));
    }

    /// <summary>Takes bytes that came.</summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        lock (_gate)
        {
            _file.Write(bytes);
            _file.Flush();
            foreach (byte value in bytes)
            {
                Append((char)value);
            }

            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Says that nothing more comes.</summary>
    public void Complete()
    {
        lock (_gate)
        {
            _isComplete = true;
            Monitor.PulseAll(_gate);
        }
    }

    /// <summary>Waits until something has come, or nothing will.</summary>
    /// <returns>Whether something has.</returns>
    public bool WaitForAnything(TimeSpan timeout)
    {
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_gate)
        {
            long left;
            while (_text.Length == 0 && !_isComplete && (left = deadline - Environment.TickCount64) > 0)
            {
                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }

            return _text.Length != 0;
        }
    }

    /// <summary>
    /// Waits for the next match and goes on after it next time. Null when the deadline passes or nothing more comes.
    /// </summary>
    /// <param name="pattern">What to look for; <c>^</c> and <c>$</c> are the ends of a line.</param>
    /// <param name="timeout">The deadline.</param>
    /// <param name="wholeLines">Whether a line counts only when it has ended.</param>
    public Match? WaitFor(string pattern, TimeSpan timeout, bool wholeLines)
    {
        Regex regex = new(pattern, RegexOptions.Multiline | RegexOptions.CultureInvariant);
        long deadline = Environment.TickCount64 + (long)timeout.TotalMilliseconds;
        lock (_gate)
        {
            while (true)
            {
                string rest = _text.ToString(_position, _text.Length - _position);
                if (wholeLines && !_isComplete)
                {
                    rest = rest[..(rest.LastIndexOf('\n') + 1)];
                }

                Match match = regex.Match(rest);
                if (match.Success)
                {
                    _position += match.Index + match.Length;
                    return match;
                }

                long left = deadline - Environment.TickCount64;
                if (_isComplete || left <= 0)
                {
                    return null;
                }

                Monitor.Wait(_gate, TimeSpan.FromMilliseconds(left));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file.Dispose();
    }

    private void Append(char value)
    {
        switch (_escape)
        {
            case EscapeState.Started:
                _escape = value == '[' ? EscapeState.Parameters : EscapeState.None;
                return;
            case EscapeState.Parameters:
                // ECMA-48, 5.4: a control sequence ends with the first byte from 0x40 to 0x7E.
                _escape = value is >= '@' and <= '~' ? EscapeState.None : EscapeState.Parameters;
                return;
        }

        switch (value)
        {
            case '\u001b':
                _escape = EscapeState.Started;
                break;
            case '\r' or '\0':
                break;
            case '\b':
                if (_text.Length > _position && _text[^1] != '\n')
                {
                    _text.Length--;
                }

                break;
            default:
                _text.Append(value);
                break;
        }
    }
}
