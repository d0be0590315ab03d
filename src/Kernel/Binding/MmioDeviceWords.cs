using System;
using System.Collections.Generic;
using VirtioGuest.Commands.Text;
using VirtioGuest.Kernel.FirmwareConfiguration;
using VirtioGuest.LibOS.Abi;
using VirtioGuest.Pci;

namespace VirtioGuest.Kernel.Binding;

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

            string? fault = MmioDeviceWord.TryParse(
                text[MmioDeviceWord.Prefix.Length..], out MmioDeviceWord word, out string? form)
                ? Conflict(word, found, firmware.MemoryMap)
                : form;
            if (fault is null)
            {
                found.Add(word);
            }
            else
            {
                output.WriteLine($"{text} {fault}: skipped");
            }
        }

        return found;
    }

    private static string? Conflict(
        MmioDeviceWord word, List<MmioDeviceWord> found, IReadOnlyList<MemoryRange> memoryMap)
    {
        foreach (MmioDeviceWord other in found)
        {
            if (other.Range.Overlaps(word.Range))
            {
                return "overlaps a device named before it";
            }
        }

        foreach (MemoryRange range in memoryMap)
        {
            ulong length = Math.Min(range.Length, ulong.MaxValue - range.Start);
            if (range.Kind == RamKind && new AddressRange(range.Start, length).Overlaps(word.Range))
            {
                return "names an address in RAM";
            }
        }

        return null;
    }
}
