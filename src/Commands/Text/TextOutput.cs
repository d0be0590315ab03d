using System;
using VirtioGuest.Hal;

namespace VirtioGuest.Commands.Text;

/// <summary>Where text goes. ASCII only: any other character is written as a question mark.</summary>
public abstract class TextOutput
{
    private const int ChunkLength = 256;

    /// <summary>Writes bytes as they are.</summary>
    public abstract void Write(ReadOnlySpan<byte> ascii);

    /// <summary>Writes text.</summary>
    public void Write(string text) => WriteChunks(text, endsLine: false);

    /// <summary>Writes text and ends the line. A line shorter than 256 characters is written in one piece.</summary>
    public void WriteLine(string text) => WriteChunks(text, endsLine: true);

    private void WriteChunks(string text, bool endsLine)
    {
        Span<byte> chunk = stackalloc byte[ChunkLength];
        int used = 0;
        foreach (char character in text)
        {
            if (used == ChunkLength)
            {
                Write(chunk);
                used = 0;
            }

            chunk[used++] = character <= '~' ? (byte)character : (byte)'?';
        }

        if (endsLine)
        {
            if (used == ChunkLength)
            {
                Write(chunk);
                used = 0;
            }

            chunk[used++] = (byte)'\n';
        }

        Write(chunk[..used]);
    }
}

/// <summary>Shows on the console what drivers report.</summary>
public sealed class OutputLog : DeviceLog
{
    private readonly TextOutput _output;

    public OutputLog(TextOutput output)
    {
        _output = output;
    }

    /// <inheritdoc/>
    public override void Information(string message) => _output.WriteLine(message);

    /// <inheritdoc/>
    public override void Warning(string message) => _output.WriteLine("warning: " + message);
}
