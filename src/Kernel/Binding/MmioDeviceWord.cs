using System;
using System.Collections.Generic;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using VirtioGuest.Commands.Text;
using VirtioGuest.Drivers.Virtio.Transport.Mmio;
using VirtioGuest.Hal;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.LibOS.Abi;
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
    /// <param name="fault">What is wrong with it otherwise.</param>
    public static bool TryParse(string value, out MmioDeviceWord word, [NotNullWhen(false)] out Failure? fault)
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
            fault = new Failure("is not of the form SIZE@ADDRESS:LINE");
        }
        else if (size < MmioTransport.MinimumLength)
        {
            fault = new Failure(
                $"has less than the {MmioTransport.MinimumLength} bytes of registers that every device has");
        }
        else if ((address & 3) != 0 || size - 1 > ulong.MaxValue - address)
        {
            fault = new Failure("names no address for registers");
        }
        else if (line > LastLine)
        {
            fault = new Failure($"names an interrupt line above {LastLine}");
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

/// <summary>Collects the devices that the kernel command line names.</summary>
internal static class MmioDeviceWords
{
    private const uint RamKind = 1;

    /// <summary>Reads all words, in order; a bad one costs a line and nothing else.</summary>
    /// <param name="firmware">The command line, and where RAM is, which is no place for registers.</param>
    /// <param name="output">Where bad words are named.</param>
    public static List<MmioDeviceWord> Read(FirmwareDescription firmware, TextOutput output)
    {
        var found = new List<MmioDeviceWord>();
        foreach (string text in KernelCommandLine.Parse(firmware.CommandLine).Words)
        {
            if (!text.StartsWith(MmioDeviceWord.Prefix, StringComparison.Ordinal))
            {
                continue;
            }

            Failure? fault = MmioDeviceWord.TryParse(
                text[MmioDeviceWord.Prefix.Length..], out MmioDeviceWord word, out Failure? form)
                ? Conflict(word, found, firmware.MemoryMap)
                : form;
            if (fault is null)
            {
                found.Add(word);
            }
            else
            {
                output.WriteLine($"{fault.Of(text)}: skipped");
            }
        }

        return found;
    }

    private static Failure? Conflict(
        MmioDeviceWord word, List<MmioDeviceWord> found, IReadOnlyList<MemoryRange> memoryMap)
    {
        foreach (MmioDeviceWord other in found)
        {
            if (other.Range.Overlaps(word.Range))
            {
                return new Failure("overlaps a device named before it");
            }
        }

        foreach (MemoryRange range in memoryMap)
        {
            ulong length = Math.Min(range.Length, ulong.MaxValue - range.Start);
            if (range.Kind == RamKind && new AddressRange(range.Start, length).Overlaps(word.Range))
            {
                return new Failure("names an address in RAM");
            }
        }

        return null;
    }
}
