using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>What must be true of the linked kernel; a linker has got each of these wrong at least once.</summary>
internal static class KernelChecks
{
    private const ulong PageSize = 4096;
    private const int Multiboot2SearchLength = 32768;
    private const uint Multiboot2Magic = 0xE85250D6;
    private const uint PvhEntryType = 18;
    private const string PvhOwner = "Xen";

    /// <exception cref="BuildFailure">One of them failed.</exception>
    public static void Run(ElfFile kernel)
    {
        CheckSegments([.. kernel.Segments()]);
        if (kernel.HasRelocations())
        {
            throw new BuildFailure("the kernel has relocation sections: GRUB refuses such files");
        }

        ulong multiboot2 = kernel.AddressOf(KernelLink.Multiboot2Entry);
        if (kernel.Entry != multiboot2 || FindMultiboot2Header(kernel.Bytes) < 0)
        {
            throw new BuildFailure(
                "GRUB could not start the kernel: no Multiboot2 header in the first 32 KB, or a wrong entry");
        }

        CheckPvhEntry(kernel, kernel.AddressOf(KernelLink.PvhEntry));
        kernel.AddressOf(KernelLink.LinuxEntry);
    }

    /// <summary>Whether a note is the one that QEMU reads.</summary>
    internal static bool IsPvhEntry(ElfNote note) => note.Name == PvhOwner && note.Type == PvhEntryType;

    /// <summary>QEMU reads the address of its entry from a note.</summary>
    /// <exception cref="BuildFailure">It would read a different address, or none.</exception>
    internal static void CheckPvhEntry(ElfFile kernel, ulong entry)
    {
        if (!PvhEntries(kernel).SequenceEqual([entry]))
        {
            throw new BuildFailure(
                $"QEMU could not start the kernel: no readable PVH note names 0x{entry:x}."
                + " Notes of different alignment need segments of their own.");
        }
    }

    /// <summary>No page may be both writable and executable, or belong to two segments.</summary>
    internal static void CheckSegments(IReadOnlyList<ElfSegment> segments)
    {
        const ElfSegmentFlags WriteAndExecute = ElfSegmentFlags.Write | ElfSegmentFlags.Execute;
        List<ElfSegment> loaded = [.. segments.Where(segment => segment.Type == ElfSegmentType.Load)];
        foreach (ElfSegment segment in loaded)
        {
            if ((segment.Flags & WriteAndExecute) == WriteAndExecute)
            {
                throw new BuildFailure($"the kernel's segment at 0x{segment.Address:x} is writable and executable");
            }

            if (segment.Address % PageSize != 0 || segment.Offset % PageSize != 0)
            {
                throw new BuildFailure($"the kernel's segment at 0x{segment.Address:x} does not start on a page");
            }

            if (segment.Address < KernelLink.ImageBase)
            {
                throw new BuildFailure($"the kernel's segment at 0x{segment.Address:x} lies below 16 MB");
            }
        }

        if (loaded.Count == 0)
        {
            throw new BuildFailure("the kernel has no segment to load");
        }
    }

    /// <summary>The offset of a valid Multiboot2 header (Multiboot2, 3.1.1), or -1.</summary>
    internal static int FindMultiboot2Header(ReadOnlySpan<byte> file)
    {
        for (int at = 0; at + 16 <= Math.Min(file.Length, Multiboot2SearchLength); at += 8)
        {
            uint magic = BinaryPrimitives.ReadUInt32LittleEndian(file[at..]);
            uint architecture = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 4)..]);
            uint length = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 8)..]);
            uint checksum = BinaryPrimitives.ReadUInt32LittleEndian(file[(at + 12)..]);
            if (magic == Multiboot2Magic && unchecked(magic + architecture + length + checksum) == 0
                && at + length <= Multiboot2SearchLength)
            {
                return at;
            }
        }

        return -1;
    }

    private static IEnumerable<ulong> PvhEntries(ElfFile kernel) =>
        from segment in kernel.Segments()
        where segment.Type == ElfSegmentType.Note
        from note in kernel.Notes(segment)
        where IsPvhEntry(note)
        select note.Content.Length == 8
            ? BinaryPrimitives.ReadUInt64LittleEndian(note.Content)
            : BinaryPrimitives.ReadUInt32LittleEndian(note.Content);
}
