using System;
using System.Text;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>Keeps what is written, by any thread.</summary>
internal sealed class RecordingOutput : TextOutput
{
    private readonly StringBuilder _text = new();

    public string Text
    {
        get
        {
            lock (_text)
            {
                return _text.ToString();
            }
        }
    }

    public string[] Lines => Text.TrimEnd('\n').Split('\n');

    public int Writes { get; private set; }

    public override void Write(ReadOnlySpan<byte> ascii)
    {
        lock (_text)
        {
            Writes++;
            _text.Append(Encoding.Latin1.GetString(ascii));
        }
    }
}
