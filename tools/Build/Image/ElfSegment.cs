using System;

namespace VirtioGuest.Build.Image;

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
