using System;
using System.Buffers.Binary;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;

namespace VirtioGuest.Build.Image;

/// <summary>A 64-bit little-endian ELF file, as far as the build needs it (System V ABI, chapters 4 and 5).</summary>
internal sealed class ElfFile
{
    private const int HeaderSize = 64;
    private const int SectionSymbolTable = 2;
    private const int SectionRelocations = 4;
    private const int FunctionSymbol = 2;

    private readonly byte[] _bytes;
    private readonly string _path;

    private ElfFile(string path, byte[] bytes)
    {
        _path = path;
        _bytes = bytes;
        if (bytes.Length < HeaderSize || Unsigned32(0) != 0x464C457F || bytes[4] != 2 || bytes[5] != 1)
        {
            throw new BuildFailure($"{path} is not a 64-bit little-endian ELF file");
        }
    }

    public ulong Entry => Unsigned64(24);

    public ReadOnlySpan<byte> Bytes => _bytes;

    public static ElfFile Read(string path) => new(path, File.ReadAllBytes(path));

    public IEnumerable<ElfSegment> Segments()
    {
        ulong table = Unsigned64(32);
        int size = Unsigned16(54);
        int count = Unsigned16(56);
        for (int index = 0; index < count; index++)
        {
            ulong at = table + (ulong)(index * size);
            yield return new ElfSegment(
                (ElfSegmentType)Unsigned32(at),
                (ElfSegmentFlags)Unsigned32(at + 4),
                Unsigned64(at + 8),
                Unsigned64(at + 16),
                Unsigned64(at + 32),
                Unsigned64(at + 40),
                Unsigned64(at + 48));
        }
    }

    /// <summary>The first address behind what is loaded.</summary>
    public ulong LoadedEnd() => Segments()
        .Where(segment => segment.Type == ElfSegmentType.Load)
        .Max(segment => segment.Address + segment.MemorySize);

    /// <summary>The named symbols of the symbol table; none if the file is stripped.</summary>
    public IEnumerable<ElfSymbol> Symbols()
    {
        foreach (Section section in Sections())
        {
            if (section.Type != SectionSymbolTable)
            {
                continue;
            }

            Section names = Sections().ElementAt((int)section.Link);
            for (ulong at = section.Offset; at < section.Offset + section.Size; at += 24)
            {
                string name = Text(names.Offset + Unsigned32(at));
                if (name.Length > 0)
                {
                    byte info = Byte(at + 4);
                    yield return new ElfSymbol(
                        name,
                        Unsigned64(at + 8),
                        Unsigned16(at + 6) != 0,
                        info >> 4 != 0,
                        (info & 0xF) == FunctionSymbol);
                }
            }
        }
    }

    /// <exception cref="BuildFailure">The file does not define the symbol.</exception>
    public ulong AddressOf(string name)
    {
        foreach (ElfSymbol symbol in Symbols())
        {
            if (symbol.Name == name && symbol.IsDefined)
            {
                return symbol.Value;
            }
        }

        throw new BuildFailure($"{_path} does not define the symbol {name}");
    }

    /// <summary>Whether the file has a section of relocations with addends.</summary>
    public bool HasRelocations() => Sections().Any(section => section.Type == SectionRelocations);

    /// <summary>The notes of a note segment. Its alignment says how names and contents are padded.</summary>
    public IEnumerable<ElfNote> Notes(ElfSegment segment)
    {
        ulong alignment = Math.Max(segment.Alignment, 4);
        ulong end = segment.Offset + segment.FileSize;
        ulong at = segment.Offset;
        while (at + 12 <= end)
        {
            uint nameSize = Unsigned32(at);
            uint size = Unsigned32(at + 4);
            ulong name = at + 12;
            ulong content = at + RoundUp(12 + nameSize, alignment);
            if (content + size > end)
            {
                yield break;
            }

            yield return new ElfNote(Text(name), Unsigned32(at + 8), _bytes[(int)content..(int)(content + size)]);
            at = content + RoundUp(size, alignment);
        }
    }

    private static ulong RoundUp(ulong value, ulong alignment) => (value + alignment - 1) / alignment * alignment;

    private IEnumerable<Section> Sections()
    {
        ulong table = Unsigned64(40);
        int size = Unsigned16(58);
        int count = Unsigned16(60);
        for (int index = 0; index < count; index++)
        {
            ulong at = table + (ulong)(index * size);
            yield return new Section(Unsigned32(at + 4), Unsigned64(at + 24), Unsigned64(at + 32), Unsigned32(at + 40));
        }
    }

    private byte Byte(ulong at) => Slice(at, 1)[0];

    private ushort Unsigned16(ulong at) => BinaryPrimitives.ReadUInt16LittleEndian(Slice(at, 2));

    private uint Unsigned32(ulong at) => BinaryPrimitives.ReadUInt32LittleEndian(Slice(at, 4));

    private ulong Unsigned64(ulong at) => BinaryPrimitives.ReadUInt64LittleEndian(Slice(at, 8));

    private string Text(ulong at)
    {
        ReadOnlySpan<byte> rest = Slice(at, 0, toTheEnd: true);
        int length = rest.IndexOf((byte)0);
        return Encoding.UTF8.GetString(length < 0 ? rest : rest[..length]);
    }

    private ReadOnlySpan<byte> Slice(ulong at, ulong length, bool toTheEnd = false)
    {
        ulong available = (ulong)_bytes.Length;
        if (at > available || length > available - at)
        {
            throw new BuildFailure($"{_path} is damaged: it ends before offset {at + length}");
        }

        return _bytes.AsSpan((int)at, toTheEnd ? (int)(available - at) : (int)length);
    }

    private readonly record struct Section(uint Type, ulong Offset, ulong Size, uint Link);
}

/// <summary>A program header: what is loaded where, and how it may be used.</summary>
internal sealed record ElfSegment(
    ElfSegmentType Type,
    ElfSegmentFlags Flags,
    ulong Offset,
    ulong Address,
    ulong FileSize,
    ulong MemorySize,
    ulong Alignment);

internal enum ElfSegmentType : uint
{
    Load = 1,
    Note = 4,
}

[Flags]
internal enum ElfSegmentFlags : uint
{
    None = 0,
    Execute = 1,
    Write = 2,
    Read = 4,
}

internal sealed record ElfSymbol(string Name, ulong Value, bool IsDefined, bool IsGlobal, bool IsFunction);

/// <summary>A note. Its owner's name and its type give its content a meaning.</summary>
internal sealed record ElfNote(string Name, uint Type, byte[] Content);
