using System;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

/// <summary>
/// Where a virtio device over MMIO is, as a word of the kernel command line says it:
/// <c>virtio_mmio.device=SIZE@ADDRESS:LINE[:ID]</c>, the form that Linux takes and VMMs pass.
/// </summary>
/// <param name="Range">The registers: at least as many as every device has, at a multiple of 4.</param>
/// <param name="Line">The interrupt line; one that the machine cannot bring is polled.</param>
internal readonly record struct MmioDeviceWord(AddressRange Range, byte Line)
{
    /// <summary>What the word begins with.</summary>
    public const string Prefix = "virtio_mmio.device=";

    private const byte LastLine = byte.MaxValue;

    /// <summary>Reads what follows <see cref="Prefix"/>.</summary>
    /// <param name="value">The value. Numbers are decimal or 0x hex; the size may end in K, M or G.</param>
    /// <param name="word">What it says, where the result is true.</param>
    /// <param name="fault">What is wrong with it otherwise, as the end of a sentence that starts with the word.</param>
    public static bool TryParse(string value, out MmioDeviceWord word, [NotNullWhen(false)] out string? fault)
    {
        word = default;
        int at = value.IndexOf('@', StringComparison.Ordinal);
        string[] parts = at < 0 ? [] : value[(at + 1)..].Split(':');
        if (!TryParseSize(value[..Math.Max(at, 0)], out ulong size)
            || parts.Length is not (2 or 3)
            || !TryParseNumber(parts[0], out ulong address)
            || !TryParseNumber(parts[1], out ulong line)
            || (parts.Length == 3 && !TryParseNumber(parts[2], out _)))
        {
            fault = "is not of the form SIZE@ADDRESS:LINE";
        }
        else if (size < MmioTransport.MinimumLength)
        {
            fault = $"has less than the {MmioTransport.MinimumLength} bytes of registers that every device has";
        }
        else if ((address & 3) != 0 || size - 1 > ulong.MaxValue - address)
        {
            fault = "names no address for registers";
        }
        else if (line > LastLine)
        {
            fault = $"names an interrupt line above {LastLine}";
        }
        else
        {
            fault = null;
            word = new MmioDeviceWord(new AddressRange(address, size), (byte)line);
        }

        return fault is null;
    }

    private static bool TryParseSize(string text, out ulong size)
    {
        int shift = text.Length == 0 ? 0 : char.ToUpperInvariant(text[^1]) switch
        {
            'K' => 10,
            'M' => 20,
            'G' => 30,
            _ => 0,
        };
        bool isNumber = TryParseNumber(shift == 0 ? text : text[..^1], out ulong number);
        size = number << shift;
        return isNumber && size >> shift == number;
    }

    private static bool TryParseNumber(string text, out ulong number) =>
        text.StartsWith("0x", StringComparison.OrdinalIgnoreCase)
            ? ulong.TryParse(text.AsSpan(2), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out number)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
}
