using System;
using System.Collections.Generic;
using System.Text;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>The layout of <c>hexdump -C</c>, every line written out: <c>-v</c>.</summary>
public static class HexDump
{
    private const int BytesPerLine = 16;

    /// <summary>The lines for bytes that begin at an offset.</summary>
    public static List<string> Format(ReadOnlySpan<byte> bytes, long offset)
    {
        List<string> lines = [];
        for (int start = 0; start < bytes.Length; start += BytesPerLine)
        {
            ReadOnlySpan<byte> line = bytes.Slice(start, Math.Min(BytesPerLine, bytes.Length - start));
            StringBuilder hex = new();
            StringBuilder text = new();
            for (int i = 0; i < BytesPerLine; i++)
            {
                hex.Append(i == BytesPerLine / 2 ? "  " : " ");
                hex.Append(i < line.Length ? line[i].ToString("x2") : "  ");
                if (i < line.Length)
                {
                    text.Append(line[i] is >= 0x20 and < 0x7F ? (char)line[i] : '.');
                }
            }

            lines.Add($"{offset + start:x8} {hex}  |{text}|");
        }

        lines.Add($"{offset + bytes.Length:x8}");
        return lines;
    }
}
