using System;
using System.Buffers.Binary;
using System.IO;
using System.Linq;

namespace VirtioGuest.Build.Image;

/// <summary>
/// Puts src/LibOS/Image/PvhGate.S in front of the ELF file's PVH entry: a segment in the first megabyte that checks
/// whether the machine has RAM where the kernel belongs.
/// </summary>
/// <remarks>
/// A linker places segments one after the other, and the ELF header with the first of them, so this one is added after
/// linking. Its program header replaces the one that asks for a stack, which nobody reads here.
/// </remarks>
internal static class PvhGate
{
    /// <summary>
    /// Where it is loaded: in the first megabyte, below what firmware keeps at its end, and above what SeaBIOS clears
    /// before it starts anything (0x7000 to 0x90000).
    /// </summary>
    public const int Address = 0x90000;

    private const int ProgramHeaders = 32;
    private const int ProgramHeaderSize = 54;
    private const int ProgramHeaderCount = 56;
    private const uint StackHeader = 0x6474E551;
    private const uint LoadHeader = 1;
    private const uint ReadAndExecute = 5;
    private const uint PageSize = 4096;

    // Three numbers and, here, a name of four bytes come before a note's content.
    private const int NoteContent = 16;

    /// <exception cref="BuildFailure">The kernel has no program header to replace, or no PVH note.</exception>
    public static void Add(Assembler assembler, ElfFile kernel, string path)
    {
        byte[] code = assembler.AssembleFlat("PvhGate.S", Address, kernel, KernelLink.PvhEntry);
        File.WriteAllBytes(path, AddTo(kernel, code));
        KernelChecks.CheckPvhEntry(ElfFile.Read(path), Address);
    }

    /// <summary>The bytes of the kernel's file with the segment added.</summary>
    internal static byte[] AddTo(ElfFile kernel, ReadOnlySpan<byte> code)
    {
        int offset = (int)((kernel.Bytes.Length + PageSize - 1) / PageSize * PageSize);
        byte[] file = new byte[offset + code.Length];
        kernel.Bytes.CopyTo(file);
        code.CopyTo(file.AsSpan(offset));

        Span<byte> header = StackHeaderOf(file);
        BinaryPrimitives.WriteUInt32LittleEndian(header, LoadHeader);
        BinaryPrimitives.WriteUInt32LittleEndian(header[4..], ReadAndExecute);
        BinaryPrimitives.WriteUInt64LittleEndian(header[8..], (ulong)offset);
        BinaryPrimitives.WriteUInt64LittleEndian(header[16..], Address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[24..], Address);
        BinaryPrimitives.WriteUInt64LittleEndian(header[32..], (ulong)code.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[40..], (ulong)code.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(header[48..], PageSize);

        ElfSegment note = kernel.Segments().FirstOrDefault(segment =>
            segment.Type == ElfSegmentType.Note && kernel.Notes(segment).Any(KernelChecks.IsPvhEntry))
            ?? throw new BuildFailure("the kernel has no PVH note to name the gate in");
        BinaryPrimitives.WriteUInt32LittleEndian(file.AsSpan((int)note.Offset + NoteContent), Address);
        return file;
    }

    private static Span<byte> StackHeaderOf(byte[] file)
    {
        int table = (int)BinaryPrimitives.ReadUInt64LittleEndian(file.AsSpan(ProgramHeaders));
        int size = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(ProgramHeaderSize));
        int count = BinaryPrimitives.ReadUInt16LittleEndian(file.AsSpan(ProgramHeaderCount));
        for (int index = 0; index < count; index++)
        {
            Span<byte> header = file.AsSpan(table + (index * size), size);
            if (BinaryPrimitives.ReadUInt32LittleEndian(header) == StackHeader)
            {
                return header;
            }
        }

        throw new BuildFailure("the kernel has no program header that the PVH gate could replace");
    }
}
