using System;
using System.Globalization;

namespace VirtioGuest.Conformance.Traces;

/// <summary>A line of QEMU's trace that tells of an access.</summary>
/// <param name="IsWrite">Whether it is a write.</param>
/// <param name="Name">The memory region, or the PCI device.</param>
/// <param name="Function">The PCI address as QEMU writes it; empty for an access to memory.</param>
/// <param name="Address">The address, or the offset in configuration space.</param>
/// <param name="Value">The value.</param>
/// <param name="Width">How many bytes; 0 where the trace does not say, as of configuration space.</param>
internal readonly record struct TraceLine(
    bool IsWrite, string Name, string Function, ulong Address, ulong Value, int Width)
{
    private const string MemoryRead = "memory_region_ops_read ";
    private const string MemoryWrite = "memory_region_ops_write ";
    private const string PciRead = "pci_cfg_read ";
    private const string PciWrite = "pci_cfg_write ";

    /// <summary>Whether a line begins as one that tells of an access.</summary>
    public static bool IsAccess(ReadOnlySpan<char> line)
    {
        ReadOnlySpan<char> text = WithoutStamp(line);
        return text.StartsWith(MemoryRead) || text.StartsWith(MemoryWrite)
            || text.StartsWith(PciRead) || text.StartsWith(PciWrite);
    }

    /// <summary>Reads a line.</summary>
    /// <returns>Whether it tells of an access, and completely.</returns>
    public static bool TryRead(ReadOnlySpan<char> line, out TraceLine read)
    {
        ReadOnlySpan<char> text = WithoutStamp(line);
        if (text.StartsWith(MemoryRead) || text.StartsWith(MemoryWrite))
        {
            return TryReadMemory(text, text.StartsWith(MemoryWrite), out read);
        }

        if (text.StartsWith(PciRead) || text.StartsWith(PciWrite))
        {
            return TryReadPci(text, text.StartsWith(PciWrite), out read);
        }

        read = default;
        return false;
    }

    /// <summary>QEMU can be told to begin each line with <c>process@seconds:</c>.</summary>
    private static ReadOnlySpan<char> WithoutStamp(ReadOnlySpan<char> line)
    {
        int at = line.IndexOf('@');
        int end = line.IndexOf(':');
        return at > 0 && end > at && int.TryParse(line[..at], out _) ? line[(end + 1)..] : line;
    }

    // memory_region_ops_write cpu 0 mr 0x5581 addr 0xfebf8014 value 0x3 size 1 name 'virtio-pci-common-virtio-blk'
    private static bool TryReadMemory(ReadOnlySpan<char> text, bool isWrite, out TraceLine read)
    {
        read = default;
        int name = text.IndexOf(" name '");
        if (name < 0 || text[^1] != '\'' || name + 7 >= text.Length
            || !TryField(text, " addr ", out ulong address)
            || !TryField(text, " value ", out ulong value)
            || !TryField(text, " size ", out ulong size)
            || size is not (1 or 2 or 4 or 8))
        {
            return false;
        }

        read = new TraceLine(isWrite, text[(name + 7)..^1].ToString(), string.Empty, address, value, (int)size);
        return true;
    }

    // pci_cfg_write virtio-blk-pci 00:02.0 @0x4 <- 0x103
    private static bool TryReadPci(ReadOnlySpan<char> text, bool isWrite, out TraceLine read)
    {
        read = default;
        string[] words = text.ToString().Split(' ');
        if (words.Length != 6 || words[3].Length < 2 || words[3][0] != '@' || words[4] != (isWrite ? "<-" : "->")
            || !TryNumber(words[3].AsSpan(1), out ulong offset) || offset > 0xFFF
            || !TryNumber(words[5], out ulong value))
        {
            return false;
        }

        read = new TraceLine(isWrite, words[1], words[2], offset, value, 0);
        return true;
    }

    private static bool TryField(ReadOnlySpan<char> text, string name, out ulong value)
    {
        value = 0;
        int at = text.IndexOf(name);
        if (at < 0)
        {
            return false;
        }

        ReadOnlySpan<char> rest = text[(at + name.Length)..];
        int end = rest.IndexOf(' ');
        return TryNumber(end < 0 ? rest : rest[..end], out value);
    }

    private static bool TryNumber(ReadOnlySpan<char> text, out ulong value) =>
        text.StartsWith("0x")
            ? ulong.TryParse(text[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out value)
            : ulong.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out value);
}
