using System;

namespace VirtioGuest.Commands.Text;

/// <summary>
/// Bytes in the layout of <c>hexdump -C</c>, but without leaving out repeated lines: offset, sixteen bytes in two
/// groups, and the printable ones between bars.
/// </summary>
public sealed class HexDump
{
    private const int BytesPerLine = 16;

    private readonly TextOutput _output;
    private readonly byte[] _text = new byte[4096];
    private ulong _offset;
    private int _used;

    /// <param name="output">Where it goes.</param>
    /// <param name="offset">The offset of the first byte.</param>
    public HexDump(TextOutput output, ulong offset)
    {
        _output = output;
        _offset = offset;
    }

    /// <summary>
    /// Shows more bytes. Every call starts a line, so all but the last must have a multiple of sixteen bytes.
    /// </summary>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            int count = Math.Min(BytesPerLine, bytes.Length);
            AppendLine(bytes[..count]);
            bytes = bytes[count..];
        }
    }

    /// <summary>Shows what is still buffered, and the offset after the last byte, as <c>hexdump</c> does.</summary>
    public void End()
    {
        AppendOffset();
        Put((byte)'\n');
        Flush();
    }

    /// <summary>Shows what is still buffered, and nothing else: for a dump that is not complete.</summary>
    public void Flush()
    {
        _output.Write(new ReadOnlySpan<byte>(_text, 0, _used));
        _used = 0;
    }

    private void AppendLine(ReadOnlySpan<byte> bytes)
    {
        const int LongestLine = 16 + 2 + (BytesPerLine * 3) + 1 + 2 + BytesPerLine + 2;
        if (_used + LongestLine > _text.Length)
        {
            Flush();
        }

        AppendOffset();
        for (int index = 0; index < BytesPerLine; index++)
        {
            Put((byte)' ');
            if (index % 8 == 0)
            {
                Put((byte)' ');
            }

            Put(index < bytes.Length ? Digit(bytes[index] >> 4) : (byte)' ');
            Put(index < bytes.Length ? Digit(bytes[index] & 15) : (byte)' ');
        }

        Put((byte)' ');
        Put((byte)' ');
        Put((byte)'|');
        foreach (byte value in bytes)
        {
            Put(value is >= (byte)' ' and <= (byte)'~' ? value : (byte)'.');
        }

        Put((byte)'|');
        Put((byte)'\n');
        _offset += (uint)bytes.Length;
    }

    private void AppendOffset()
    {
        int digits = 8;
        while (digits < 16 && _offset >> (digits * 4) != 0)
        {
            digits++;
        }

        while (digits-- > 0)
        {
            Put(Digit((int)(_offset >> (digits * 4)) & 15));
        }
    }

    private void Put(byte character) => _text[_used++] = character;

    private static byte Digit(int value) => (byte)"0123456789abcdef"[value];
}
