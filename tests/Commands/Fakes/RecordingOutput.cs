using System;
using System.Text;
using VirtioGuest.Commands.Text;

namespace VirtioGuest.Commands.Tests.Fakes;

/// <summary>Keeps what is written.</summary>
internal sealed class RecordingOutput : TextOutput
{
    private readonly StringBuilder _text = new();

    public string Text => _text.ToString();

    public string[] Lines => Text.TrimEnd('\n').Split('\n');

    public int Writes { get; private set; }

    public override void Write(ReadOnlySpan<byte> ascii)
    {
        Writes++;
        _text.Append(Encoding.Latin1.GetString(ascii));
    }
}
