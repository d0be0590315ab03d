using System;
using System.Collections.Generic;
using System.IO;
using System.Text;

namespace VirtioGuest.Qemu.Tests.Harness;

/// <summary>A picture of the guest's screen, read from a binary PPM file of 8 bits a colour.</summary>
public sealed class Screen
{
    private readonly byte[] _pixels;

    private Screen(int width, int height, byte[] pixels)
    {
        Width = width;
        Height = height;
        _pixels = pixels;
    }

    /// <summary>Pixels in a row.</summary>
    public int Width { get; }

    /// <summary>Rows.</summary>
    public int Height { get; }

    /// <inheritdoc/>
    public override string ToString()
    {
        return $"{Width} x {Height} pixels, {CountForeground()} of them not background";
    }

    /// <summary>The number of pixels that differ from the most frequent colour, the background.</summary>
    public int CountForeground()
    {
        Dictionary<int, int> colours = [];
        int background = 0;
        for (int i = 0; i < _pixels.Length; i += 3)
        {
            int colour = (_pixels[i] << 16) | (_pixels[i + 1] << 8) | _pixels[i + 2];
            int count = colours.GetValueOrDefault(colour) + 1;
            colours[colour] = count;
            background = Math.Max(background, count);
        }

        return (_pixels.Length / 3) - background;
    }

    /// <summary>The number of pixels that are not the same in another picture; all, if its size is another.</summary>
    public int CountDifferences(Screen other)
    {
        if (other.Width != Width || other.Height != Height)
        {
            return Width * Height;
        }

        int differences = 0;
        for (int i = 0; i < _pixels.Length; i += 3)
        {
            if (!_pixels.AsSpan(i, 3).SequenceEqual(other._pixels.AsSpan(i, 3)))
            {
                differences++;
            }
        }

        return differences;
    }

    /// <summary>Reads a picture.</summary>
    /// <exception cref="InvalidDataException">It is not such a file, or is cut short.</exception>
    public static Screen Parse(ReadOnlySpan<byte> file)
    {
        int position = 0;
        if (NextWord(file, ref position) != "P6")
        {
            throw new InvalidDataException("Not a binary PPM file.");
        }

        int width = NextNumber(file, ref position);
        int height = NextNumber(file, ref position);
        int highest = NextNumber(file, ref position);
        long length = 3L * width * height;
        if (highest != 255 || file.Length - position < length)
        {
            throw new InvalidDataException(
                $"{width} x {height} pixels up to {highest} do not fit into {file.Length} bytes.");
        }

        return new Screen(width, height, file.Slice(position, (int)length).ToArray());
    }

    private static int NextNumber(ReadOnlySpan<byte> file, ref int position)
    {
        string word = NextWord(file, ref position);
        return int.TryParse(word, out int number) && number >= 0
            ? number
            : throw new InvalidDataException($"'{word}' is not a number.");
    }

    // One white space ends a word: after the last number the pixels begin at once.
    private static string NextWord(ReadOnlySpan<byte> file, ref int position)
    {
        StringBuilder word = new();
        while (position < file.Length)
        {
            char character = (char)file[position++];
            if (character == '#')
            {
                while (position < file.Length && file[position++] != '\n')
                {
                }
            }
            else if (!char.IsWhiteSpace(character))
            {
                word.Append(character);
            }
            else if (word.Length > 0)
            {
                break;
            }
        }

        return word.ToString();
    }
}
